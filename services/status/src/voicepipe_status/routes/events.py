"""The events of one transcription, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final
from uuid import UUID

import structlog
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from voicepipe_wire import aio
from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.stream_reader import parse_sequence

from voicepipe_status import metrics
from voicepipe_status.dependencies import AppDependencies, CurrentUser, Dependencies, JobId
from voicepipe_status.events.feed import Beat, Feed
from voicepipe_status.events.job_events import JobEvent
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations.following import follow

log = structlog.get_logger(__name__)

router = APIRouter(tags=["transcriptions"])

# The first lines of every stream: clients wait 1000 ms before they reconnect.
_OPENING: Final = b"retry: 1000\n\n"
_HEARTBEAT: Final = b": still here\n\n"
_EXAMPLE = (
    'id: 4711\nevent: stage-changed\ndata: {"job_id":"5b0c3ad2-58a8-4f2f-8a3a-6c2f4c4f2f10","stage":"prepare",'
    '"state":"running","attempt":1,"job_state":"preparing"}\n\n'
)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events until the transcription has ended, with a comment every 15 s",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    },
    204: {"description": "The transcription has ended and has no events after Last-Event-ID. Do not reconnect."},
    **problem_responses("not_found", "bad_event_id", "too_many_streams"),
}


@router.get(
    "/v1/transcriptions/{job_id}/events",
    response_class=Response,
    responses=_RESPONSES,
    operation_id="follow_transcription",
)
async def follow_transcription(
    job_id: JobId,
    user: CurrentUser,
    dependencies: AppDependencies,
    last_event_id: Annotated[str | None, Header(description="Continue after this event")] = None,
    last_event_id_query: Annotated[
        str | None, Query(alias="last_event_id", description="The same, for clients that cannot set headers")
    ] = None,
) -> Response:
    """Follow a transcription: past events first, then live ones.

    `id:` is the stream sequence, `event:` the type, `data:` JSON. The stream ends after `job-completed`, `job-failed`,
    `job-cancelled` or `job-deleted`. After a lost connection, continue with `Last-Event-ID`.
    """
    after = _event_id(last_event_id or last_event_id_query)
    return EventStream(dependencies, user.id, job_id, after)


class EventStream(StreamingResponse):
    """A response that stays open until the job has ended, or the client disconnects or is too slow."""

    media_type = "text/event-stream"

    def __init__(self, dependencies: Dependencies, owner_id: UUID, job_id: UUID, after: int | None) -> None:
        super().__init__((), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._dependencies = dependencies
        self._owner_id = owner_id
        self._job_id = job_id
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with follow(self._dependencies, self._owner_id, self._job_id, self._after) as (feed, listener):
            if self._after is not None and feed.is_finished:
                await Response(status_code=204)(scope, receive, send)
                return
            self.body_iterator = _frames(feed)
            if not await aio.until(listener.dropped, super().__call__(scope, receive, send)):
                # The response is left incomplete, so that the client reconnects for the rest.
                metrics.DROPPED.inc()
                log.warning("event stream closed, client too slow", job=str(self._job_id))


async def _frames(feed: Feed) -> AsyncIterator[bytes]:
    yield _OPENING
    async for item in feed.items():
        match item:
            case JobEvent():
                yield item.sse_frame
            case Beat.HEARTBEAT:
                yield _HEARTBEAT
            case Beat.CLOSED:
                return


def _event_id(text: str | None) -> int | None:
    if not text:
        return None
    if (sequence := parse_sequence(text)) is None:
        raise Problem.of("bad_event_id")
    return sequence
