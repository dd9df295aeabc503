"""Receives all events through one JetStream consumer per replica and hands each to the clients that follow its job.

nats-py has an ordered consumer, but it does not notice when its heartbeats stop (nats.py #510), so a deleted consumer
would look healthy forever. Therefore the consumer is created and watched here.

- `position` is the stream sequence of the last event received. A consumer always starts at `position + 1`, so a
  recreated one delivers what was missed, once.
- A lost message: consumer sequences are consecutive (`_receive`), and each heartbeat carries the last one sent, which
  exposes a loss at the end. Either way the consumer is recreated.
- A deleted consumer or a dead connection: heartbeats stop, and `_watch_heartbeats` raises.
- Late messages of an old consumer: each consumer has its own inbox and its own `lost` event, after which
  `on_message` ignores everything.
- A recreated stream: `_find_position` recognizes it by its creation time, or by a last sequence below `position`. It
  queues `Signal.RESTARTED` before the new consumer exists, so every client gets it before any event of the new stream.
- A client that registers while the consumer is recreated: whatever it receives twice, from here and from the stored
  stream, `Feed` sends once.
- A slow client: `Listener.offer` never waits. A full queue drops that client; the others are not delayed.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from voicepipe_wire import aio
from voicepipe_wire.errors import Problem, Unavailable
from voicepipe_wire.failures import outage
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import EVENTS

from voicepipe_status import metrics

from . import job_events
from .job_events import JobEvent

log = structlog.get_logger(__name__)

HEARTBEAT_INTERVAL_S = 1.0
HEARTBEAT_TIMEOUT_S = 2.5
RECONNECT_DELAY_S = 0.5
# The server removes the consumer of a dead replica after this time.
CONSUMER_INACTIVE_THRESHOLD_S = 10.0


class Signal(Enum):
    RESTARTED = auto()  # the stream was recreated: sequences start from 1 again
    CLOSED = auto()  # this replica is stopping


class Listener:
    """A bounded queue of what one client has yet to receive. `dropped` is set when it overflows."""

    def __init__(self, queue_length: int) -> None:
        self._queue: asyncio.Queue[JobEvent | Signal] = asyncio.Queue(queue_length)
        self.dropped = asyncio.Event()

    def offer(self, item: JobEvent | Signal) -> None:
        """Queue an item without waiting. A client that is too slow is dropped, and may reconnect with its last id."""
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            self.dropped.set()

    async def next(self, timeout_s: float) -> JobEvent | Signal | None:
        """The next item, or None after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._queue.get()
        except TimeoutError:
            return None

    @property
    def is_empty(self) -> bool:
        return self._queue.empty()


class Hub:
    def __init__(self, jetstream: JetStream, *, queue_length: int, max_streams_per_owner: int) -> None:
        self._jetstream = jetstream
        self._queue_length = queue_length
        self._max_streams_per_owner = max_streams_per_owner
        self._listeners: defaultdict[tuple[str, str], set[Listener]] = defaultdict(set)
        self._streams: Counter[str] = Counter()
        self._following = False
        self._received = False
        self._stream_created: datetime | None = None
        self._consumer_sequence = 0
        # Stream sequence of the last event received.
        self.position = 0

    async def ready(self) -> None:
        """Readiness check.

        Raises:
            ConnectionError: events are not arriving.
        """
        if not (self._following and self._jetstream.is_connected):
            raise ConnectionError("events are not arriving")

    @contextmanager
    def listen(self, owner_id: UUID, job_id: UUID) -> Iterator[Listener]:
        """Offer every event of the job to the listener from now on.

        Raises:
            Problem: 429 `too_many_streams`; 503 `unavailable` until the first position is known, because events before
                that are not delivered.
        """
        if self._stream_created is None:
            raise Problem.of("unavailable", retry_after_s=1)
        owner, key = str(owner_id), (str(owner_id), str(job_id))
        if self._streams[owner] >= self._max_streams_per_owner:
            raise Problem.of("too_many_streams", retry_after_s=5)
        listener = Listener(self._queue_length)
        self._streams[owner] += 1
        self._listeners[key].add(listener)
        try:
            with metrics.STREAMS.track_inprogress():
                yield listener
        finally:
            self._listeners[key].discard(listener)
            if not self._listeners[key]:
                del self._listeners[key]
            self._streams[owner] -= 1
            if not self._streams[owner]:
                del self._streams[owner]

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the events until `stop` is set, then end the stream of every client."""
        async with aio.background(self._follow_forever()) as following, aio.background(stop.wait()) as stopping:
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._broadcast(Signal.CLOSED)
            if following.done():
                await following  # it ended, so it raised: raise it here

    async def _follow_forever(self) -> None:
        while True:
            try:
                await self._follow()
            except Exception as error:
                if (away := outage(error)) is None:
                    raise
                log.warning("event consumer lost, recreating it", reason=str(away))
            self._following = False
            metrics.RESTARTS.inc()
            await asyncio.sleep(RECONNECT_DELAY_S)

    async def _follow(self) -> None:
        """Follow the events until they stop arriving.

        Raises:
            Unavailable, ConnectionError: events were lost, or NATS is unavailable.
        """
        if not self._jetstream.is_connected:
            raise ConnectionError("not connected to NATS")
        await self._find_position()
        lost = asyncio.Event()
        inbox = self._jetstream.new_inbox()

        async def on_message(message: Msg) -> None:
            if not lost.is_set() and not await self._receive(message):
                lost.set()

        subscription = await self._jetstream.subscribe(inbox, on_message)
        consumer = None
        try:
            self._consumer_sequence = 0
            consumer = await self._create_consumer(inbox)
            self._following = True
            await self._watch_heartbeats(lost)
        finally:
            self._following = False
            await self._jetstream.unsubscribe(subscription)
            if consumer is not None and self._jetstream.is_connected:
                with suppress(Unavailable, NotFoundError):
                    await self._jetstream.delete_consumer(EVENTS, consumer)

    async def _find_position(self) -> None:
        """Recreate the stream if it is missing; start from its first event if it was recreated."""
        try:
            info = await self._jetstream.stream_info(EVENTS)
        except NotFoundError:
            await self._jetstream.ensure_streams()
            info = await self._jetstream.stream_info(EVENTS)
        if self._stream_created is None:
            self.position = info.state.last_seq
        elif info.created != self._stream_created or info.state.last_seq < self.position:
            log.warning("event stream was recreated, starting from its first event", lost_position=self.position)
            self.position = 0
            self._broadcast(Signal.RESTARTED)
        self._stream_created = info.created

    async def _create_consumer(self, inbox: str) -> str:
        return await self._jetstream.add_consumer(
            EVENTS,
            ConsumerConfig(
                description="status: all events of all clients of one replica",
                deliver_subject=inbox,
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=self.position + 1,
                ack_policy=AckPolicy.NONE,
                max_deliver=1,
                flow_control=True,
                idle_heartbeat=HEARTBEAT_INTERVAL_S,
                inactive_threshold=CONSUMER_INACTIVE_THRESHOLD_S,
                mem_storage=True,
                num_replicas=1,
            ),
        )

    async def _watch_heartbeats(self, lost: asyncio.Event) -> None:
        while True:
            self._received = False
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_TIMEOUT_S):
                    await lost.wait()
                raise ConnectionError("messages were lost")
            if not self._received:
                raise ConnectionError("no heartbeat")

    async def _receive(self, message: Msg) -> bool:
        """Process a message. Returns False if messages before it were lost."""
        self._received = True
        headers = message.headers or {}
        if headers.get("Status"):
            # Reply to flow control requests; a stalled consumer names its reply subject in a header.
            if reply_subject := message.reply or headers.get("Nats-Consumer-Stalled"):
                await self._jetstream.send(reply_subject)
            return int(headers.get("Nats-Last-Consumer", 0)) <= self._consumer_sequence
        sequence = message.metadata.sequence
        if sequence.consumer != self._consumer_sequence + 1:
            return False
        self._consumer_sequence = sequence.consumer
        self.position = sequence.stream
        self._dispatch(message, sequence.stream)
        return True

    def _dispatch(self, message: Msg, sequence: int) -> None:
        _, owner, job, _ = message.subject.split(".")
        listeners = self._listeners.get((owner, job))
        if not listeners:
            return
        event = job_events.read(sequence, message.subject, message.headers, message.data)
        if event is not None:
            for listener in listeners:
                listener.offer(event)

    def _broadcast(self, signal: Signal) -> None:
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.offer(signal)
