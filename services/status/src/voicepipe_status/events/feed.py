"""What one client is sent: the events that lie behind the last one it saw, then those that come. No gap, no double."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import structlog
from voicepipe_wire.errors import RetryLater
from voicepipe_wire.messaging.stream_reader import StreamReader
from voicepipe_wire.messaging.subjects import events_of

from voicepipe_status import metrics
from voicepipe_status.queries import Queries

from . import job_events
from .hub import Listener, Signal
from .job_events import JobEvent

log = structlog.get_logger(__name__)

PAGE = 256


class Feed:
    """Events of one job for one client.

    The listener hears from before the first page is read, so what happens meanwhile may come from both sources but is
    never missed; the sequence tells what was sent already.
    """

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
        # The last event that the client has, and the last message that was read from the stream.
        self._after = after
        self._read_to = after
        self._heartbeat_s = heartbeat_s
        self._page: list[JobEvent] = []
        self._page_is_last = False
        self._settled = False
        self._is_over = False

    async def start(self) -> None:
        """Read the first page, while an error can still be an answer. Raises RetryLater."""
        await self._check_job()
        await self._read_page()

    @property
    def is_finished(self) -> bool:
        """After `start`: the job has ended and nothing is left to send."""
        return self._settled and not self._page

    async def frames(self) -> AsyncIterator[bytes]:
        """After `start`: everything, until the job has ended."""
        yield job_events.OPENING
        async for frame in self._catch_up():
            yield frame
        while not self._is_over:
            match await self._listener.next(self._heartbeat_s):
                case None:
                    yield job_events.HEARTBEAT
                    async for frame in self._check_for_end():
                        yield frame
                case Signal.CLOSED:
                    return
                case Signal.RESTARTED:
                    self._after = self._read_to = 0
                case JobEvent() as event if event.sequence > self._after:
                    yield self._mark_sent(event, "live")
                    self._is_over = event.is_final and self._listener.is_empty

    async def _catch_up(self) -> AsyncIterator[bytes]:
        """The page in flight and all that follow it. The feed is over if the job had ended before they were read."""
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
            # It may have ended while the pages were read, or its end is published and not yet crossed off.
            self._is_over = (await self._queries.ending(self._job_id)).ended
        else:
            self._is_over = self._settled

    async def _check_for_end(self) -> AsyncIterator[bytes]:
        """A client is not left waiting for an end that was lost with its stream."""
        await self._check_job()
        if not self._settled:
            return
        try:
            await self._read_page()
        except RetryLater as error:
            log.warning("events cannot be read now", reason=str(error))
            return
        async for frame in self._catch_up():
            yield frame

    async def _check_job(self) -> None:
        """Settled: the job has ended, and its last event is in the stream."""
        ending = await self._queries.ending(self._job_id)
        self._settled = ending.ended and not ending.unpublished

    async def _read_page(self) -> None:
        stored = await self._stream.page(self._subject, max(self._after, self._read_to) + 1, PAGE)
        read = (job_events.read(each.sequence, each.subject, each.headers, each.payload) for each in stored)
        self._page = [event for event in read if event is not None]
        self._page_is_last = len(stored) < PAGE
        if stored:
            self._read_to = stored[-1].sequence

    def _mark_sent(self, event: JobEvent, origin: str) -> bytes:
        self._after = event.sequence
        metrics.SENT.labels(origin).inc()
        return event.frame
