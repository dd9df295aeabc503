"""A TCP proxy that breaks connections on demand, whatever they carry."""

import asyncio
import contextlib
from collections import deque
from urllib.parse import urlsplit

BLOCK_BYTES = 16 * 1024


class CuttingProxy:
    """Each connection takes the next of `cuts`: (bytes to the server, bytes to the client) until it breaks; None: never.

    A slow link: `block_s` is how long each block takes.
    """

    def __init__(self, url, block_s=0.0):
        self._upstream = urlsplit(url)
        self._block_s = block_s
        self._connections = {}
        self.cuts = deque()
        self.sent_bytes = 0
        self.broken = 0

    @contextlib.asynccontextmanager
    async def serving(self):
        async with await asyncio.start_server(self._connected, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self
            for ends in self._connections.values():
                abort(ends)
            await asyncio.gather(*self._connections)

    async def _connected(self, reader, writer):
        to_server, to_client = self.cuts.popleft() if self.cuts else (None, None)
        far_reader, far_writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        ends = self._connections[asyncio.current_task()] = (writer, far_writer)
        pumps = [
            asyncio.create_task(self._pump(reader, far_writer, to_server, is_sent=True)),
            asyncio.create_task(self._pump(far_reader, writer, to_client, is_sent=False)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        abort(ends)
        await asyncio.gather(*pumps, *(end.wait_closed() for end in ends), return_exceptions=True)

    async def _pump(self, reader, writer, until_bytes, *, is_sent):
        passed = 0
        while block := await reader.read(BLOCK_BYTES):
            passed += len(block)
            if until_bytes is not None and passed >= until_bytes:
                self.broken += 1
                return
            writer.write(block)
            await writer.drain()
            if is_sent:
                self.sent_bytes += len(block)
                await asyncio.sleep(self._block_s)


def abort(ends):
    for end in ends:
        end.transport.abort()
