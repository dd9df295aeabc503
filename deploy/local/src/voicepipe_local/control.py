"""How a running supervisor is asked: one line of JSON there, one back, over a Unix socket in the data folder."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class NotRunning(Exception):
    """No stack runs on this data folder."""


class AlreadyRunning(Exception):
    """A stack runs on this data folder, or is just starting or stopping."""


def lock(data: Path) -> int:
    """Lock the data folder; a file descriptor that holds the lock as long as any process has it open.

    The kernel frees the lock when its last holder dies, so nothing stale can remain.

    Raises:
        AlreadyRunning: somebody else holds it.
    """
    handle = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise AlreadyRunning(f"a stack already runs on {data}") from None
    return handle


def is_running(data: Path) -> bool:
    if not (data / "lock").exists():
        return False
    try:
        os.close(lock(data))
    except AlreadyRunning:
        return True
    return False


@asynccontextmanager
async def serve(data: Path, answer: Answer) -> AsyncIterator[None]:
    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await answer(json.loads(await reader.readline()))
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            pass  # who asked has gone, or did not ask in our words
        finally:
            writer.close()

    with _socket_path(data) as path:
        (data / "control.sock").unlink(missing_ok=True)
        server = await asyncio.start_unix_server(on_connection, path)
        (data / "control.sock").chmod(0o600)
    async with server:
        yield
    (data / "control.sock").unlink(missing_ok=True)


def ask(data: Path, question: dict[str, Any], *, timeout_s: float = 20.0) -> dict[str, Any]:
    """The supervisor's answer.

    Raises:
        NotRunning: nobody is there to answer.
    """
    with _socket_path(data) as path, socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(path)
            client.sendall(json.dumps(question).encode() + b"\n")
            with client.makefile("rb") as answer:
                return dict(json.loads(answer.readline()))
        except (OSError, ValueError):
            raise NotRunning(f"No stack runs on {data}") from None


@contextmanager
def _socket_path(data: Path) -> Iterator[str]:
    """A path to the socket that fits into the 107 bytes that Linux allows, however long the folder's own path is."""
    if not data.is_dir():
        raise NotRunning(f"No stack runs on {data}")
    folder = os.open(data, os.O_PATH | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/control.sock"
    finally:
        os.close(folder)
