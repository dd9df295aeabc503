"""The transcript, in the format that the client accepts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from voicepipe_wire.errors import Problem

from voicepipe_status.dependencies import AppDependencies, CurrentUser, JobId
from voicepipe_status.formats.transcript_formats import negotiate
from voicepipe_status.http.conditional import matches
from voicepipe_status.http.disposition import content_disposition, with_suffix
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import transcripts

router = APIRouter(tags=["transcriptions"])

_EXAMPLES = {
    "application/json": {"schema": {"type": "object"}, "example": {"schema": 1, "version": 1, "text": "Good morning."}},
    "text/plain": {"schema": {"type": "string"}, "example": "Good morning.\n"},
    "application/x-subrip": {
        "schema": {"type": "string"},
        "example": "1\n00:00:00,400 --> 00:00:01,300\nGood morning.\n",
    },
    "text/vtt": {
        "schema": {"type": "string"},
        "example": "WEBVTT\n\n1\n00:00:00.400 --> 00:00:01.300\n<v Chair>Good morning.\n",
    },
    "application/x-rttm": {
        "schema": {"type": "string"},
        "example": "SPEAKER meeting 1 0.400 0.900 <NA> <NA> Chair <NA> <NA>\n",
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The transcript; the ETag depends on its version and the names of its speakers",
        "content": _EXAMPLES,
    },
    304: {"description": "The client has this version"},
    **problem_responses("not_found", "version_not_found", "format_unknown", "not_ready", "cancelled", "no_speakers"),
}


@router.get(
    "/v1/transcriptions/{job_id}/transcript",
    response_class=Response,
    responses=_RESPONSES,
    operation_id="get_transcript",
)
async def get_transcript(
    job_id: JobId,
    user: CurrentUser,
    dependencies: AppDependencies,
    accept: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    requested_format: Annotated[
        str | None, Query(alias="format", description="json, txt, srt, vtt or rttm; overrides Accept")
    ] = None,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Latest by default")] = None,
    download: Annotated[bool, Query(description="Send as an attachment")] = False,
) -> Response:
    """Get the latest transcript, or the given version. A failed transcription responds with its error (409)."""
    chosen_format = negotiate(accept, requested_format)
    if chosen_format is None:
        raise Problem.of("format_unknown")
    found = await transcripts.find(dependencies, user.id, job_id, version)
    headers = {
        "ETag": found.etag(chosen_format),
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization, X-API-Key",
    }
    if matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if download:
        name = with_suffix(found.recording_name, chosen_format)
        headers["Content-Disposition"] = content_disposition("attachment", name)
    text = await found.render(chosen_format)
    return Response(text, media_type=f"{chosen_format.media_type}; charset=utf-8", headers=headers)
