"""The original recording, streamed from the object store."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from voicepipe_wire import aio
from voicepipe_wire.errors import Problem
from voicepipe_wire.storage.objects import ObjectMissing

from voicepipe_status.dependencies import AppDependencies, CurrentUser, JobId
from voicepipe_status.http.conditional import matches, range_holds
from voicepipe_status.http.disposition import content_disposition
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.http.ranges import parse_range
from voicepipe_status.playing import Player

log = structlog.get_logger(__name__)

router = APIRouter(tags=["transcriptions"])

# Types that browsers play but never execute; HTML and SVG are not among them.
_PLAYABLE = re.compile(r"(audio|video)/[a-z0-9][a-z0-9.+-]*")
_BINARY = "application/octet-stream"
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The whole recording",
        "content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {"description": "The requested range"},
    304: {"description": "The client has this version"},
    **problem_responses("not_found", "audio_gone", "range_unsatisfiable", "too_many_streams", "busy"),
}


@router.head(
    "/v1/transcriptions/{job_id}/audio", response_class=Response, responses=_RESPONSES, operation_id="look_at_audio"
)
@router.get(
    "/v1/transcriptions/{job_id}/audio", response_class=Response, responses=_RESPONSES, operation_id="get_audio"
)
async def get_audio(
    job_id: JobId,
    user: CurrentUser,
    dependencies: AppDependencies,
    request: Request,
    range_header: Annotated[str | None, Header(alias="range", description="One range of bytes")] = None,
    if_range: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Get the original recording, or a range of it."""
    recording = await dependencies.queries.recording(user.id, job_id)
    if recording is None:
        raise Problem.of("not_found", what="transcription")
    size_bytes, etag = recording["size_bytes"], f'"{recording["sha256"].hex()}"'
    headers = _headers(recording, etag)
    if matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    part = parse_range(range_header, size_bytes) if request.method == "GET" and range_holds(if_range, etag) else None
    start, end = part or (0, size_bytes)
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size_bytes}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return Response(headers=headers)
    playing = dependencies.players.play(user.id, recording["object_key"], start, end)
    return StoredAudio(playing, status_code=206 if part else 200, headers=headers)


class StoredAudio(StreamingResponse):
    """A recording, opened before the response starts, so that an error still becomes a response."""

    def __init__(self, playing: AbstractAsyncContextManager[Player], **response: Any) -> None:
        super().__init__((), **response)
        self._playing = playing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._playing as player:
                self.body_iterator = player.pieces()
                if not await aio.until(player.stalled, super().__call__(scope, receive, send)):
                    log.info("player takes nothing, recording cut off")
        except ObjectMissing:
            raise Problem.of("audio_gone") from None


def _headers(recording: Any, etag: str) -> dict[str, str]:
    media_type = recording["media_type"].partition(";")[0].strip().lower()
    return {
        "Content-Type": media_type if _PLAYABLE.fullmatch(media_type) else _BINARY,
        "Content-Disposition": content_disposition("inline", recording["name"]),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; media-src 'self'; sandbox",
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, X-API-Key",
    }
