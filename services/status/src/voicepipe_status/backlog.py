"""Reads the newest backlog of all queues, which the controller publishes every 3 s."""

from __future__ import annotations

import asyncio

from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import BACKLOG
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot

TIMEOUT_S = 2.0


class BacklogReader:
    def __init__(self, jetstream: JetStream) -> None:
        self._jetstream = jetstream

    async def newest(self) -> BacklogSnapshot | None:
        """The newest snapshot, however old; None if none is stored.

        Raises:
            Unavailable, TimeoutError: the broker is unavailable.
        """
        async with asyncio.timeout(TIMEOUT_S):
            if await self._jetstream.message_count(BACKLOG) == 0:
                return None
            return BacklogSnapshot.FromString(await self._jetstream.newest_backlog())
