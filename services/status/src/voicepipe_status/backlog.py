"""Reads the newest backlog of all queues, which the controller publishes every 3 s."""

from __future__ import annotations

import asyncio

from voicepipe_wire.errors import RetryLater
from voicepipe_wire.messaging.broker import BROKER_TRANSIENT_ERRORS, JetStream
from voicepipe_wire.messaging.subjects import BACKLOG
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot

TIMEOUT_S = 2.0
RETRY_DELAY_S = 2.0


class BacklogReader:
    def __init__(self, jetstream: JetStream) -> None:
        self._jetstream = jetstream

    async def newest(self) -> BacklogSnapshot | None:
        """The newest snapshot, however old; None if none is stored.

        Raises:
            RetryLater: the broker is unavailable.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                if await self._jetstream.message_count(BACKLOG) == 0:
                    return None
                return BacklogSnapshot.FromString(await self._jetstream.newest_backlog())
        except (BROKER_TRANSIENT_ERRORS, TimeoutError) as error:
            raise RetryLater(RETRY_DELAY_S, f"the backlog cannot be read: {type(error).__name__}") from error
