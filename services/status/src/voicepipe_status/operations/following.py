"""Follow the events of one transcription."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from voicepipe_status.dependencies import Dependencies
from voicepipe_status.events.feed import Feed
from voicepipe_status.events.hub import Listener

from .transcriptions import snapshot


@asynccontextmanager
async def follow(
    dependencies: Dependencies, owner_id: UUID, job_id: UUID, after: int | None
) -> AsyncIterator[tuple[Feed, Listener]]:
    """A feed that has started, after the event with the sequence `after`, and its listener, which tells if the client is too slow.

    Raises:
        Problem: 404 `not_found`, 429 `too_many_streams`, 503 `unavailable`.
        Unavailable: the events cannot be read.
    """
    await snapshot(dependencies, owner_id, job_id)
    if after is not None and after > dependencies.hub.position and after > await dependencies.events.last_sequence():
        # The stream was recreated and its sequences start from 1 again, so this id is meaningless.
        after = None
    with dependencies.hub.listen(owner_id, job_id) as listener:
        feed = Feed(
            dependencies.events,
            dependencies.queries,
            listener,
            owner_id=owner_id,
            job_id=job_id,
            after=after or 0,
            heartbeat_s=dependencies.settings.event_heartbeat_s,
        )
        await feed.start()
        yield feed, listener
