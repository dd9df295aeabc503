"""A TCP proxy before the API server whose connections can fall silent: open, and nothing arrives. TLS passes through."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml


@dataclass(eq=False)
class _Connection:
    writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    silent: bool = False


class SilentProxy:
    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._open: set[_Connection] = set()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self.port = 0

    def silence(self) -> int:
        """Swallow what the connections that are open now send and receive, for ever. Returns how many they are."""
        count = len(self._open)
        for connection in list(self._open):
            connection.silent = True
        return count

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def wait_until_ready(self) -> None:
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for connection in list(self._open):
            _close(connection)
        while self._open:
            await asyncio.sleep(0.01)

    async def _connect(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(*self._server)
        except OSError:
            to_client.close()
            return
        connection = _Connection((to_client, to_server))
        self._open.add(connection)
        await asyncio.gather(
            self._pass(from_client, to_server, connection), self._pass(from_server, to_client, connection)
        )
        _close(connection)
        self._open.discard(connection)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: _Connection) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if not connection.silent:
                    writer.write(data)
                    await writer.drain()
        # That the client has closed a silent connection ends it; that the server has, nobody may see.
        if not connection.silent or writer is connection.writers[1]:
            _close(connection)


def _close(connection: _Connection) -> None:
    for writer in connection.writers:
        writer.close()


@contextmanager
def silent_proxy(kubeconfig: Path, copy: Path) -> Iterator[SilentProxy]:
    """A proxy before the API server of `kubeconfig`, and a copy of it that names the proxy.

    The proxy listens on 127.0.0.1, which must be a name in the certificate of the API server.
    """
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    contexts = {one["name"]: one["context"]["cluster"] for one in config["contexts"]}
    (cluster,) = (one["cluster"] for one in config["clusters"] if one["name"] == contexts[config["current-context"]])
    server = urlsplit(cluster["server"])
    proxy = SilentProxy(str(server.hostname), server.port or 443)
    thread = threading.Thread(target=proxy.run)
    thread.start()
    try:
        proxy.wait_until_ready()
        cluster["server"] = f"https://127.0.0.1:{proxy.port}"
        copy.write_text(yaml.safe_dump(config), encoding="utf-8")
        yield proxy
    finally:
        proxy.stop()
        thread.join()
