"""A name server: every name has the addresses that a test gives it."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

HEADER_BYTES = 12
TYPE_A = 1


class NameServer(asyncio.DatagramProtocol):
    """IPv4 only. `addresses` may change at any time: nothing may be cached."""

    def __init__(self, addresses: list[str]) -> None:
        self.addresses = addresses
        self.port = 0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._transport.sendto(response(data, self.addresses), addr)


@asynccontextmanager
async def running(addresses: list[str]) -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer(addresses), ("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()


def response(query: bytes, addresses: list[str]) -> bytes:
    """As RFC 1035 has it; the question is repeated, and other types than A have no answer."""
    end = query.index(0, HEADER_BYTES) + 5
    question = query[HEADER_BYTES:end]
    (kind,) = struct.unpack(">H", question[-4:-2])
    found = addresses if kind == TYPE_A else []
    # The name is that of the question, at offset 12.
    records = [struct.pack(">HHHIH", 0xC00C, TYPE_A, 1, 0, 4) + ipaddress.ip_address(each).packed for each in found]
    return query[:2] + struct.pack(">HHHHH", 0x8580, 1, len(records), 0, 0) + question + b"".join(records)
