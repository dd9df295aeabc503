"""The events for one client after its last one, stored ones first, then live ones: no gap, no duplicate, in order.

- No gap between replay and live: the client is registered with the hub before the first page is read. An event is
  stored before the hub delivers it, so each is in a page, in the listener's queue, or in both.
- No duplicate: `_after` is the sequence of the last event sent, and `items` skips live events up to it.
- Order: all pages are sent before the queue is read, and both ascend by sequence.
- A slow client: the hub never waits. A full queue sets `Listener.dropped`, and the connection is closed without a
  proper end of the response, so that the client reconnects with the last id it received.
- A recreated stream counts from 1 again. The hub queues `Signal.RESTARTED` before any event of the new stream, which
  resets `_after`. A reconnecting client whose id is beyond the new stream starts from its beginning (`routes.events`);
  a smaller id of the old stream cannot be distinguished from one of the new.
- The end: a job has settled when it has ended in PostgreSQL and the outbox holds no event of it, so its last event is in
  the stream. `_check_job` runs before the pages are read, so that they include that event. A final event does not end
  the feed if others follow it, because a retried job continues after `job-failed`: `_catch_up` queries PostgreSQL, and
  the live loop requires an empty queue. If the final event was lost with the stream, the check at a heartbeat ends the feed.

With a replicated stream, the replica that serves a page may lag by a few milliseconds; only there can a client that
connects at that moment miss an event.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum, auto
from uuid import UUID

import structlog
from voicepipe_wire.errors import Unavailable
from voicepipe_wire.messaging.stream_reader import StreamReader
from voicepipe_wire.messaging.subjects import events_of

from voicepipe_status import metrics
from voicepipe_status.queries import Queries

from . import job_events
from .hub import Listener, Signal
from .job_events import JobEvent

log = structlog.get_logger(__name__)

PAGE = 256


class Beat(Enum):
    """What is no event."""

    HEARTBEAT = auto()  # nothing happened for a while
    CLOSED = auto()  # this replica is stopping: the client is to come back


class Feed:
    """Events of one job for one client. `listener` is already registered with the hub; `after` is 0 for all events."""

    def __init__(
        self,
        stream: StreamReader,
        queries: Queries,
        listener: Listener,
        *,
        owner_id: UUID,
        job_id: UUID,
        after: int,
        heartbeat_s: float,
    ) -> None:
        self._stream = stream
        self._queries = queries
        self._listener = listener
        self._subject = events_of(owner_id, job_id)
        self._job_id = job_id
        # Sequences of the last event sent to the client and of the last message read from the stream.
        self._after = after
        self._read_to = after
        self._heartbeat_s = heartbeat_s
        self._page: list[JobEvent] = []
        self._page_is_last = False
        self._settled = False
        self._is_over = False

    async def start(self) -> None:
        """Read the first page, while an error can still become a response.

        Raises:
            Unavailable: the stream cannot be read.
        """
        await self._check_job()
        await self._read_page()

    @property
    def is_finished(self) -> bool:
        """After `start`: the job has ended and nothing is left to send."""
        return self._settled and not self._page

    async def items(self) -> AsyncIterator[JobEvent | Beat]:
        """After `start`: everything to send, until the job has ended."""
        async for event in self._catch_up():
            yield event
        while not self._is_over:
            match await self._listener.next(self._heartbeat_s):
                case None:
                    yield Beat.HEARTBEAT
                    async for event in self._check_for_end():
                        yield event
                case Signal.CLOSED:
                    yield Beat.CLOSED
                    return
                case Signal.RESTARTED:
                    self._after = self._read_to = 0
                case JobEvent() as event if event.sequence > self._after:
                    yield self._mark_sent(event, "live")
                    self._is_over = event.is_final and self._listener.is_empty

    async def _catch_up(self) -> AsyncIterator[JobEvent]:
        """Send the current page and all later ones. The feed is over if the job had settled before they were read."""
        ends = False
        while True:
            for event in self._page:
                ends = event.is_final
                yield self._mark_sent(event, "replay")
            if self._page_is_last:
                break
            await self._read_page()
        self._page = []
        if ends and not self._settled:
            # It ended while the pages were read, or its last event is published but not yet marked so in the outbox.
            self._is_over = (await self._queries.ending(self._job_id)).ended
        else:
            self._is_over = self._settled

    async def _check_for_end(self) -> AsyncIterator[JobEvent]:
        """End the feed if the job has settled: its final event may have been lost with the stream."""
        try:
            await self._check_job()
            if not self._settled:
                return
            await self._read_page()
        except Unavailable as error:
            log.warning(
                "end of a job not known, trying again at the next heartbeat",
                dependency=error.dependency,
                reason=str(error),
            )
            return
        async for event in self._catch_up():
            yield event

    async def _check_job(self) -> None:
        """Update `_settled`: whether the job has ended and all its events are published."""
        ending = await self._queries.ending(self._job_id)
        self._settled = ending.ended and not ending.unpublished

    async def _read_page(self) -> None:
        stored = await self._stream.page(self._subject, max(self._after, self._read_to) + 1, PAGE)
        read = (job_events.read(each.sequence, each.subject, each.headers, each.payload) for each in stored)
        self._page = [event for event in read if event is not None]
        self._page_is_last = len(stored) < PAGE
        if stored:
            self._read_to = stored[-1].sequence

    def _mark_sent(self, event: JobEvent, origin: str) -> JobEvent:
        self._after = event.sequence
        metrics.SENT.labels(origin).inc()
        return event
