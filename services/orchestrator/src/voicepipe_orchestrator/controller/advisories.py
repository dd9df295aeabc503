"""Dead-letters commands whose worker died on the last delivery.

No handler sees that; the broker reports it in an advisory.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import structlog
from nats.aio.msg import Msg
from nats.js.api import RawStreamMsg
from voicepipe_wire import aio
from voicepipe_wire.errors import Reject
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.consumer import OnDeadLettered
from voicepipe_wire.messaging.dead_letters import DeadLetter
from voicepipe_wire.messaging.envelope import unpack
from voicepipe_wire.messaging.subjects import ADVISORIES, WORK
from voicepipe_wire.watchdog import surviving

log = structlog.get_logger(__name__)

CONSUMER = "controller"
RETRY_DELAY_S = 2.0
ACK_WAIT_S = 30.0


class Advisories:
    def __init__(self, jetstream: JetStream, on_dead_lettered: OnDeadLettered) -> None:
        self._jetstream = jetstream
        self._on_dead_lettered = on_dead_lettered

    async def listen(self, stop: asyncio.Event) -> None:
        """Until `stop` is set, whatever happens."""
        while not stop.is_set():
            with surviving("advisories"):
                await self._listen_once(stop)
            await aio.pause(stop, RETRY_DELAY_S)

    async def _listen_once(self, stop: asyncio.Event) -> None:
        await self._jetstream.ensure_streams()
        subscription = await self._jetstream.pull_subscribe(ADVISORIES, CONSUMER, ack_wait_s=ACK_WAIT_S)
        try:
            while not stop.is_set():
                try:
                    messages = await subscription.fetch(10, timeout=1.0)
                except TimeoutError:
                    await self._jetstream.check_consumer(ADVISORIES, CONSUMER)
                    continue
                for message in messages:
                    await self._handle(message)
        finally:
            await self._jetstream.unsubscribe(subscription)

    async def _handle(self, message: Msg) -> None:
        """Handle one advisory. One that cannot be handled now is delivered again after `ACK_WAIT_S`, and stops no other."""
        with surviving("advisories"):
            try:
                advisory = json.loads(message.data)
                sequence, deliveries = int(advisory["stream_seq"]), int(advisory.get("deliveries", 0))
            except (ValueError, KeyError, TypeError, AttributeError):
                await message.term()  # it never becomes readable
                raise
            await self.dead_letter(sequence, deliveries)
            await message.ack()

    async def dead_letter(self, sequence: int, deliveries: int) -> None:
        """Dead-letter a command that is not delivered any more.

        If a handler has done so, the command is gone from the stream.
        """
        stored = await self._jetstream.find(WORK, sequence)
        if stored is None:
            return
        error = Reject.of("worker_lost")
        await _entry(stored, error, deliveries).publish(self._jetstream)
        with suppress(Reject):  # the message cannot be decoded, so there is no job to update
            _, command = unpack(stored.headers, stored.data or b"")
            await self._on_dead_lettered(command, error)
        await self._jetstream.drop(WORK, sequence)
        log.error("command dead-lettered, its worker died on every delivery", sequence=sequence, deliveries=deliveries)


def _entry(stored: RawStreamMsg, error: Reject, deliveries: int) -> DeadLetter:
    subject, headers, payload = stored.subject or "", stored.headers or {}, stored.data or b""
    return DeadLetter(subject, headers, payload, error.code, error.message, deliveries)
