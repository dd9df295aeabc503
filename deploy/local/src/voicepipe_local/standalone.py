"""One component outside a stack, with a synchronous interface for tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import guard
from .component import Component, Unhealthy, wait_until_healthy


class StandaloneComponent:
    """A component under its own guard, with a lifeline: it ends with this process, even if this process is killed."""

    def __init__(self, component: Component, log: Path) -> None:
        self.component = component
        self.log = log
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the component and return once it is healthy.

        Raises:
            Unhealthy: it did not become healthy; the message ends with the last lines of its log.
        """
        self.component.prepare()
        user = ["--user", self.component.user] if self.component.user else []
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__, "--lifeline", *user, "--", *self.component.command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.component.folder,
                env=os.environ | self.component.env,
            )
        try:
            self.wait_until_healthy()
        except Unhealthy as error:
            self.kill()
            raise Unhealthy(f"{error}\n{last_lines(self.log)}") from None

    def wait_until_healthy(self) -> None:
        # In a separate thread: the caller may be inside an event loop.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, wait_until_healthy(self.component, alive=self.alive)).result()

    def alive(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    @property
    def pid(self) -> int:
        """The process above those of the component."""
        assert self._guard is not None  # noqa: S101 - it was started
        return self._guard.pid

    def kill(self) -> None:
        """Kill the component and its descendants with SIGKILL; return when none is left."""
        if self._guard is None or self._guard.stdin is None:
            return
        self._guard.stdin.close()  # closes the lifeline
        self._guard.wait()

    def stop(self) -> None:
        """Send the stop signal, and kill the component if it does not end within its grace period."""
        if self._guard is None:
            return
        self._guard.send_signal(self.component.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(self.component.grace_s)
        self.kill()

    def restart(self) -> None:
        self.stop()
        self.start()


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log file."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8_192))
        return b"\n".join(file.read().splitlines()[-count:]).decode(errors="replace")
