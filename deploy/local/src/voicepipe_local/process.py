"""A child process inside an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .guard import children, descendants, die_with_parent


class Process:
    """A child process in a separate session. It dies with this process, and is reaped when it ends."""

    def __init__(
        self,
        command: tuple[str, ...],
        *,
        log: Path,
        env: Mapping[str, str],
        folder: Path | None = None,
        user: str | None = None,
        output: Path | None = None,
    ) -> None:
        """Start `command`. Its output goes to `log`; with `output`, its standard output goes there instead."""
        with log.open("ab") as stderr, (output or log).open("ab") as stdout:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                env=os.environ | env,
                start_new_session=True,
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call that takes no lock
            )
        self.pid = self._child.pid
        self._handle = os.pidfd_open(self.pid)
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._loop.add_reader(self._handle, self._on_end)

    def alive(self) -> bool:
        return not self._ended.done()

    async def wait(self) -> int:
        """The exit code; minus the signal number if a signal ended it."""
        return await asyncio.shield(self._ended)

    def send(self, sig: signal.Signals) -> None:
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, sig)

    async def stop(self, sig: signal.Signals, grace_s: float) -> None:
        """Send `sig`, and SIGKILL if the process is still running after `grace_s`."""
        self.send(sig)
        try:
            async with asyncio.timeout(grace_s):
                await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.wait()

    def _on_end(self) -> None:
        self._loop.remove_reader(self._handle)
        os.close(self._handle)
        self._ended.set_result(self._child.wait())


def kill_orphans(known: set[int]) -> None:
    """Kill the descendants of children that have died; this process is their reaper and so their new parent.

    `known` are the pids of children that shall live.
    """
    for orphan in children(os.getpid()) - known:
        for pid in (orphan, *descendants(orphan)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(orphan, 0)
