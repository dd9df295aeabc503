"""A stack as a whole, seen from outside: started in the background, asked, stopped, deleted."""

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
    """The stack has ended instead of starting; the message is the end of the supervisor's log."""


class Stack:
    """The stack that lives in one data folder, running or not."""

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()

    @property
    def log(self) -> Path:
        return self.data / "logs" / "supervisor.log"

    def command(self, workers: Mapping[str, int], *, lifeline: bool = False) -> list[str]:
        """The guard, and below it the supervisor."""
        counts = [word for name, count in workers.items() for word in ("--workers", f"{name}={count}")]
        supervise = [sys.executable, "-m", "voicepipe_local", "supervise", "--data", str(self.data), *counts]
        flags = ["--lifeline"] if lifeline else []
        return [sys.executable, "-I", "-S", guard.__file__, *flags, "--", *supervise]

    def start(
        self,
        workers: Mapping[str, int],
        *,
        env: Mapping[str, str] | None = None,
        lifeline: bool = False,
        progress: Callable[[str], None] = lambda _: None,
    ) -> subprocess.Popen[bytes]:
        """Start in the background and return once every component is healthy. With `lifeline` it dies with this process.

        Raises:
            AlreadyRunning: it does.
            StartFailed: a component did not start; nothing is left running.
        """
        DataDir.at(self.data)
        lock = control.lock(self.data)
        try:
            self.log.unlink(missing_ok=True)
            with self.log.open("wb") as output:
                started = subprocess.Popen(
                    self.command(workers, lifeline=lifeline),
                    stdin=subprocess.PIPE if lifeline else subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[lock],  # the guard holds the lock until the last process has gone
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

    def ask(self, what: str, **more: str) -> dict[str, Any]:
        """The supervisor's answer to `ps`, `down`, or `start`, `stop`, `restart` of a component.

        Raises:
            NotRunning: there is no stack to ask.
        """
        return control.ask(self.data, {"ask": what, **more}, timeout_s=90.0)

    def is_ready(self) -> bool:
        """Every component has been healthy at least once."""
        with contextlib.suppress(NotRunning):
            return bool(control.ask(self.data, {"ask": "ready"})["ready"])
        return False

    def is_running(self) -> bool:
        return control.is_running(self.data)

    def stop(self) -> None:
        """Stop it, in reverse order of its start, and return when nothing runs any more.

        Raises:
            NotRunning: it does not run.
        """
        if not self.is_running():
            raise NotRunning(f"No stack runs on {self.data}")
        with contextlib.suppress(NotRunning):
            self.ask("down")
        deadline_s = time.monotonic() + _STOP_TIMEOUT_S
        while self.is_running():
            if time.monotonic() > deadline_s:
                self._kill()
            time.sleep(0.05)

    def purge(self) -> None:
        """Stop it and delete everything it knows. A folder that is not a stack's is left alone."""
        with contextlib.suppress(NotRunning):
            self.stop()
        if (self.data / "ports.json").exists():
            shutil.rmtree(self.data)

    def _follow(self, started: subprocess.Popen[bytes], progress: Callable[[str], None]) -> None:
        with self.log.open(encoding="utf-8", errors="replace") as said:
            while started.poll() is None:
                for line in said:
                    progress(line.rstrip())
                if self.is_ready():
                    return
                time.sleep(0.1)
            for line in said:
                progress(line.rstrip())
        raise StartFailed(last_lines(self.log, 40))

    def _kill(self) -> None:
        """The supervisor does not listen any more: with it gone, its guard ends everything else."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.data / "pid").read_text(encoding="ascii")), signal.SIGKILL)
