"""A publisher that connects in the background, so that uploads are accepted while NATS is unavailable."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog
from voicepipe_wire import aio
from voicepipe_wire.messaging import broker

from .settings import Settings

log = structlog.get_logger(__name__)

RETRY_INTERVAL_S = 1.0


class LazyPublisher:
    """A `Publisher` for the outbox. Once connected, the client reconnects automatically."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jetstream: broker.JetStream | None = None

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> int:
        if self._jetstream is None:
            raise ConnectionError("not connected to NATS")
        return await self._jetstream.publish(subject, payload, headers)

    async def connect(self, stop: asyncio.Event) -> None:
        """Try until connected, then wait for `stop`."""
        while not stop.is_set():
            with suppress(ConnectionError):
                self._jetstream = broker.JetStream(await broker.connect(self._settings, "upload"))
                break
            await aio.pause(stop, RETRY_INTERVAL_S)
        await stop.wait()

    async def close(self) -> None:
        if self._jetstream is not None:
            await self._jetstream.close()
