"""The process of a decoder: started, confined and waiting for its file; at last killed and reaped.

Starting one takes a third of a second of processor time, as much as decoding a minute of audio. `Spare` has the next one ready. It has seen no
recording, and it decodes one: each recording still has a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

BLOCK_BYTES: Final = 1 << 17  # 4 s, and a whole number of the detector's windows


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """The limits of one decoder.

    `timeout_s` is the time spent waiting for the decoder, without the time that the consumer of the blocks takes;
    `stall_timeout_s` the same for one block.
    """

    min_audio_s: float = 0.25
    max_audio_s: float = 12 * 3600
    timeout_s: float = 1800
    stall_timeout_s: float = 120
    cpu_s: int = 1800
    memory_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Child:
    """A decoder that waits for its file, or decodes it."""

    process: asyncio.subprocess.Process
    commands: socket.socket
    folder: tempfile.TemporaryDirectory[str]

    def send(self, job: dict[str, Any], descriptor: int) -> None:
        """Give it the open file, and what is asked for."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has died: its end says how
            socket.send_fds(self.commands, [json.dumps(job).encode()], [descriptor])
        self.commands.close()

    def send_nothing(self) -> None:
        """Let it end."""
        self.commands.close()

    async def end(self) -> None:
        """Kill and reap it, also if it has ended."""
        self.commands.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        # Read both pipes to their end, otherwise the transport never closes although the child is dead.
        await self.process.communicate()
        self.folder.cleanup()


async def start(limits: DecodeLimits) -> Child:
    """Start a decoder.

    Raises:
        OSError: it cannot be started.
    """
    config = {"parent": os.getpid(), "cpu_s": limits.cpu_s, "memory_bytes": limits.memory_bytes}
    folder = tempfile.TemporaryDirectory(prefix="voicepipe-decode-")  # empty
    ours, its = socket.socketpair()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-s", "-P", "-m", f"{__package__}.decoder", json.dumps(config)),
            stdin=its.fileno(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder.name,
            env=environment(),
            start_new_session=True,
            limit=BLOCK_BYTES,
        )
    except BaseException:
        ours.close()
        folder.cleanup()
        raise
    finally:
        its.close()
    return Child(process, ours, folder)


def environment() -> dict[str, str]:
    """All that a decoder gets of our environment: where the modules are. It has no threads, because a process with threads cannot confine itself."""
    return {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "LC_ALL": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


@contextlib.asynccontextmanager
async def started(limits: DecodeLimits) -> AsyncIterator[Child]:
    """A decoder of the caller's own. It is killed and reaped at the end.

    Raises:
        OSError: it cannot be started.
    """
    child = await start(limits)
    try:
        yield child
    finally:
        await child.end()


class Spare:
    """One decoder that has started and waits. `run` beside the worker.

    The next one starts when the recording that took the last one has been decoded, because starting it costs that recording the time.
    """

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._child: Child | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep one ready until `stop` is set."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                wanted = asyncio.create_task(self._wanted.wait())
                await asyncio.wait({stopping, wanted}, return_when=asyncio.FIRST_COMPLETED)
                wanted.cancel()
                self._wanted.clear()
                if self._child is None and not stop.is_set():
                    self._child = await start(self._limits)
        finally:
            stopping.cancel()
            if child := self._child:
                self._child = None
                await child.end()

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[Child]:
        """The one that waits, else a new one.

        Raises:
            OSError: it cannot be started.
        """
        child, self._child = self._child, None
        try:
            if child is not None and child.process.returncode is not None:
                await child.end()
                child = None
            if child is None:
                child = await start(self._limits)
            yield child
        finally:
            self._wanted.set()
            if child is not None:
                await child.end()
