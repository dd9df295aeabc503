"""Every answer of this service that is an error: its code, its status, what a person is told. docs/errors.md has the same codes."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from voicepipe_wire.errors import Problem
from voicepipe_wire.web.server import PROBLEM_JSON

TABLE: Mapping[str, tuple[int, str]] = {
    "key_missing": (401, "This needs an API key. Send it as 'Authorization: Bearer KEY'."),
    "key_unknown": (401, "This API key is not known here, or was revoked. Check it or ask for a new one."),
    "operators_only": (403, "Only operators may do this. Ask whoever runs this installation."),
    "not_found": (404, "There is nothing of yours under this id. It may have been deleted, or belong to another key."),
    "version_not_found": (404, "The transcript has no such version. Leave `version` out for the latest."),
    "speaker_not_found": (
        404,
        "The latest version of the transcript has no such speaker. `speakers` lists those it has.",
    ),
    "format_unknown": (406, "A transcript comes as json, txt, srt, vtt or rttm. Choose one by `format` or `Accept`."),
    "not_ready": (409, "The transcript is not ready yet. Ask again later, or follow the events."),
    "cancelled": (409, "The transcription was cancelled before it was done. Retry it to go on where it stopped."),
    "not_cancellable": (409, "This transcription has ended, so there is nothing to cancel."),
    "not_retryable": (409, "Nothing of this transcription failed or was cancelled, so there is nothing to retry."),
    "no_speakers": (
        409,
        "No speakers were told apart in this transcript. POST /v1/transcriptions/{id}/diarization does it now.",
    ),
    "not_completed": (
        409,
        "Speakers are told apart again once the transcription is completed. Wait for it, or retry it.",
    ),
    "audio_gone": (410, "The audio of this transcription is not kept any more; its transcript is."),
    "range_unsatisfiable": (416, "The audio ends before this range begins. Its size is in Content-Range."),
    "body_too_large": (
        413,
        "The request is longer than 16 KiB, and none here needs to be. Send only what /docs lists.",
    ),
    "bad_cursor": (
        400,
        "This cursor is none of ours. Take `next_cursor` of the page before, or leave it out to begin.",
    ),
    "bad_event_id": (400, "Last-Event-ID is the `id` of an event, a whole number. Leave it out to begin."),
    "invalid_request": (422, "The request does not fit: limit: Input should be less than or equal to 100."),
    "too_many_streams": (429, "You follow too many transcriptions at once. Close an event stream and try again."),
    "no_diarizer": (
        503,
        "No diarizer is running, so speakers cannot be told apart now. Try again later, or ask an operator to start one.",
    ),
    "unavailable": (503, "A part of the service is away for a moment. Nothing was lost; try again."),
}

# What any request with a key may be answered.
ALWAYS = ("key_missing", "key_unknown", "invalid_request", "unavailable")


class ProblemDocument(BaseModel):
    """RFC 9457. `code` is stable; some problems carry more members, such as `state`."""

    model_config = ConfigDict(title="Problem", extra="allow")

    type: str = Field(examples=["urn:voicepipe:problem:not_found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    code: str = Field(examples=["not_found"])
    detail: str = Field(examples=[TABLE["not_found"][1]])


def problem(code: str, detail: str | None = None, **more: Any) -> Problem:
    """The problem of the table; `more` as `Problem` takes it."""
    status, usual = TABLE[code]
    return Problem(status, code, detail or usual, **more)


def answers(*codes: str) -> dict[int | str, dict[str, Any]]:
    """What a route says in OpenAPI about how it may fail."""
    by_status: dict[int, dict[str, Any]] = {}
    for code in (*ALWAYS, *codes):
        status, detail = TABLE[code]
        by_status.setdefault(status, {})[code] = {"summary": code, "value": _document(code, status, detail)}
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in examples),
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
        }
        for status, examples in sorted(by_status.items())
    }


def _document(code: str, status: int, detail: str) -> dict[str, Any]:
    return {
        "type": f"urn:voicepipe:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
