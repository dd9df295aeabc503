"""The control protocol of a running supervisor, and the lock that shows whether one runs.

A client sends one line of JSON over a Unix socket in the data directory and receives one line back. The lock is a
`flock`, which the kernel releases when its last holder dies, so a stale lock is impossible.
"""

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

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class NotRunning(Exception):
    """No stack is running in this data directory."""


class AlreadyRunning(Exception):
    """A stack in this data directory is running, starting or stopping."""


def lock(data: Path) -> int:
    """Lock the data directory; returns a file descriptor that holds the lock until every process has closed it.

    Raises:
        AlreadyRunning: another process holds the lock.
    """
    handle = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise AlreadyRunning(f"A stack is already running in {data}") from None
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
async def serve(data: Path, handler: Handler) -> AsyncIterator[None]:
    """Pass every request that arrives on the socket to `handler`."""

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            response = await handler(json.loads(await reader.readline()))
            writer.write(json.dumps(response).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            pass  # the client disconnected, or sent something other than JSON
        finally:
            writer.close()

    with _socket_path(data) as path:
        (data / "control.sock").unlink(missing_ok=True)
        server = await asyncio.start_unix_server(on_connection, path)
        (data / "control.sock").chmod(0o600)
    async with server:
        yield
    (data / "control.sock").unlink(missing_ok=True)


def ask(data: Path, request: dict[str, Any], *, timeout_s: float = 20.0) -> dict[str, Any]:
    """Send `request` to the supervisor and return its response.

    Raises:
        NotRunning: no supervisor responds.
    """
    with _socket_path(data) as path, socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(path)
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as response:
                return dict(json.loads(response.readline()))
        except (OSError, ValueError):
            raise NotRunning(f"No stack is running in {data}") from None


@contextmanager
def _socket_path(data: Path) -> Iterator[str]:
    """A path to the socket within the 107 bytes that Linux allows, however long the path of the data directory is."""
    if not data.is_dir():
        raise NotRunning(f"No stack is running in {data}")
    folder = os.open(data, os.O_PATH | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/control.sock"
    finally:
        os.close(folder)
