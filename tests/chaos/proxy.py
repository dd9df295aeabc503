"""A TCP proxy between the processes of a stack and one of its servers, as a network that can fail.

All proxies of a run live in one thread with an event loop. A change of the weather takes effect before the call that asks for it returns.

Races:

- A connection is being opened while the proxy is cut: it is registered before the first await, so `cut` closes it.
- Bytes are on their way while the network stalls: they are held, and flow once it is healed, as after a partition of a real network.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self

HOST = "127.0.0.1"
BLOCK_BYTES = 65_536
CALL_TIMEOUT_S = 10.0


class Proxy:
    """Passes bytes until told otherwise. `target` returns the port of the server; it may change at every start."""

    def __init__(self, target: Callable[[], int]) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._is_cut = False
        self._delay_s = 0.0
        self._status = 0
        self._server: asyncio.Server | None = None
        self.port = 0

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server:
            self._server.close()
        self._reset()

    async def cut(self) -> None:
        """Reset every connection, and every new one."""
        self._is_cut = True
        self._reset()

    async def stall(self) -> None:
        """Hold all bytes, in both directions; connections stay open."""
        self._flowing.clear()

    async def slow(self, delay_s: float) -> None:
        """Delay every block of bytes."""
        self._delay_s = delay_s

    async def answer(self, status: int) -> None:
        """Answer every HTTP request with this status, instead of passing it on."""
        self._status = status
        self._reset()

    async def heal(self) -> None:
        if self._status:
            self._reset()
        self._is_cut, self._delay_s, self._status = False, 0.0, 0
        self._flowing.set()

    def _reset(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._is_cut:
                writer.transport.abort()
            elif self._status:
                await refuse(reader, writer, self._status)
            else:
                await self._connect(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of the two sides is gone, which the other one learns below
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(HOST, self._target())
        self._writers.add(server_writer)
        try:
            if self._is_cut:  # meanwhile
                return
            pumps = [
                asyncio.ensure_future(self._pump(reader, server_writer)),
                asyncio.ensure_future(self._pump(server_reader, writer)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            self._writers.discard(server_writer)
            server_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(BLOCK_BYTES):
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        await self._flowing.wait()
        with suppress(OSError):
            writer.write_eof()
            await writer.drain()


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int) -> None:
    """Read one request and answer it with an error as an S3 store writes it."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)
    code = {403: "AccessDenied", 503: "SlowDown"}.get(status, "InternalError")
    body = f"<Error><Code>{code}</Code><Message>by the proxy</Message></Error>".encode()
    if head.startswith(b"HEAD "):
        body = b""
    writer.write(
        f"HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n".encode()
        + body
    )
    await writer.drain()
    writer.write_eof()
    await reader.read()  # until the client has read the answer and closed


class Proxies:
    """A context manager: one proxy per server, in a thread of their own."""

    def __init__(self, targets: dict[str, Callable[[], int]]) -> None:
        self._targets = targets
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._proxies: dict[str, Proxy] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        for name, target in self._targets.items():
            proxy = self._proxies[name] = Proxy(target)
            self.call(proxy.listen())
        return self

    def __exit__(self, *_: object) -> None:
        for proxy in self._proxies.values():
            self.call(proxy.close())
        self.call(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __getitem__(self, name: str) -> Proxy:
        return self._proxies[name]

    @property
    def ports(self) -> dict[str, int]:
        return {name: proxy.port for name, proxy in self._proxies.items()}

    def call(self, work: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine of a proxy; return when it is done."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_TIMEOUT_S)


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
