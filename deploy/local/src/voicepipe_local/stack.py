"""A stack seen from outside: start it in the background, query it, stop it, delete it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import control, guard
from .control import NotRunning
from .data_dir import DataDir
from .standalone import last_lines

_STOP_TIMEOUT_S = 60.0


class StartFailed(Exception):
    """The stack exited while it was starting; the message is the end of the supervisor's log."""


class Stack:
    """The stack of one data directory, running or not."""

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()

    @property
    def log(self) -> Path:
        return self.data / "logs" / "supervisor.log"

    def command(self, workers: Mapping[str, int], *, lifeline: bool = False, autoscale: bool = False) -> list[str]:
        """The command line of the guard, which runs the supervisor."""
        counts = [word for name, count in workers.items() for word in ("--workers", f"{name}={count}")]
        counts += ["--autoscale"] if autoscale else []
        supervise = [sys.executable, "-m", "voicepipe_local", "supervise", "--data", str(self.data), *counts]
        flags = ["--lifeline"] if lifeline else []
        return [sys.executable, "-I", "-S", guard.__file__, *flags, "--", *supervise]

    def start(
        self,
        workers: Mapping[str, int],
        *,
        env: Mapping[str, str] | None = None,
        lifeline: bool = False,
        autoscale: bool = False,
        progress: Callable[[str], None] = lambda _: None,
    ) -> subprocess.Popen[bytes]:
        """Start in the background and return once every component is healthy.

        With `lifeline` the guard's standard input is a pipe from this process, so the stack dies with this process.

        Raises:
            AlreadyRunning: a stack is running, starting or stopping in this data directory.
            StartFailed: a component did not start; nothing is left running.
        """
        DataDir.at(self.data)
        lock = control.lock(self.data)
        try:
            self.log.unlink(missing_ok=True)
            with self.log.open("wb") as output:
                started = subprocess.Popen(
                    self.command(workers, lifeline=lifeline, autoscale=autoscale),
                    stdin=subprocess.PIPE if lifeline else subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[lock],  # the guard holds the lock until the last process has ended
                    env=os.environ | dict(env or {}),
                )
        finally:
            os.close(lock)
        try:
            self._follow(started, progress)
        except BaseException:
            started.terminate()
            started.wait()
            raise
        return started

    def ask(self, verb: str, **arguments: str) -> dict[str, Any]:
        """The supervisor's response to `ps`, `down`, or to `start`, `stop`, `restart` of a component.

        Raises:
            NotRunning: no stack is running.
        """
        return control.ask(self.data, {"ask": verb, **arguments}, timeout_s=90.0)

    def is_ready(self) -> bool:
        """Whether every component has been healthy at least once."""
        with contextlib.suppress(NotRunning):
            return bool(control.ask(self.data, {"ask": "ready"})["ready"])
        return False

    def is_running(self) -> bool:
        return control.is_running(self.data)

    def stop(self) -> None:
        """Stop the components in reverse order of their start; return when nothing is running.

        Raises:
            NotRunning: no stack is running.
        """
        if not self.is_running():
            raise NotRunning(f"No stack is running in {self.data}")
        with contextlib.suppress(NotRunning):
            self.ask("down")
        deadline_s = time.monotonic() + _STOP_TIMEOUT_S
        while self.is_running():
            if time.monotonic() > deadline_s:
                self._kill()
            time.sleep(0.05)

    def purge(self) -> None:
        """Stop the stack and delete its data directory. A folder that is not a data directory is left alone."""
        with contextlib.suppress(NotRunning):
            self.stop()
        if (self.data / "ports.json").exists():
            shutil.rmtree(self.data)

    def _follow(self, started: subprocess.Popen[bytes], progress: Callable[[str], None]) -> None:
        with self.log.open(encoding="utf-8", errors="replace") as lines:
            while started.poll() is None:
                for line in lines:
                    progress(line.rstrip())
                if self.is_ready():
                    return
                time.sleep(0.1)
            for line in lines:
                progress(line.rstrip())
        raise StartFailed(last_lines(self.log, 40))

    def _kill(self) -> None:
        """Kill a supervisor that does not stop; its guard then kills everything else."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.data / "pid").read_text(encoding="ascii")), signal.SIGKILL)
