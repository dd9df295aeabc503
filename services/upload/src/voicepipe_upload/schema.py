"""What clients are told: the transcription as far as upload knows it, and the problems, for OpenAPI as well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from voicepipe_wire.web.server import PROBLEM_JSON

from .finalize import Accepted

_ID = "0b9c5c0e-6f0a-4f5e-9d0e-3c8f1f6a2b11"


class ProblemDetails(BaseModel):
    """RFC 9457. `code` is stable: programs may decide by it."""

    type: str
    title: str
    status: int
    code: str
    detail: str


class Links(BaseModel):
    self: str
    events: str
    transcript: str
    audio: str


class Transcription(BaseModel):
    """The part that is known at once. `GET links.self` gives all of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _ID,
                    "name": "meeting.wav",
                    "state": "queued",
                    "created_at": "2025-01-31T09:30:00.123456Z",
                    "size_bytes": 19_596_844,
                    "media_type": "audio/wav",
                    "options": {
                        "model": {"name": "accurate", "tier": "accurate"},
                        "language": "auto",
                        "task": "transcribe",
                        "keyterms": [],
                        "diarize": False,
                        "min_speakers": None,
                        "max_speakers": None,
                        "priority": "standard",
                    },
                    "links": {
                        "self": f"/v1/transcriptions/{_ID}",
                        "events": f"/v1/transcriptions/{_ID}/events",
                        "transcript": f"/v1/transcriptions/{_ID}/transcript",
                        "audio": f"/v1/transcriptions/{_ID}/audio",
                    },
                }
            ]
        }
    )

    id: str
    name: str
    state: str
    created_at: datetime
    size_bytes: int
    media_type: str
    options: dict[str, Any]
    links: Links


def path_of(accepted: Accepted) -> str:
    return f"/v1/transcriptions/{accepted.id}"


def transcription_answer(accepted: Accepted) -> JSONResponse:
    """202 for a new one, 200 for one that is finished already."""
    path = path_of(accepted)
    body = Transcription(
        id=str(accepted.id),
        name=accepted.name,
        state=accepted.state,
        created_at=accepted.created_at,
        size_bytes=accepted.size_bytes,
        media_type=accepted.media_type,
        options=dict(accepted.options),
        links=Links(self=path, events=f"{path}/events", transcript=f"{path}/transcript", audio=f"{path}/audio"),
    )
    return JSONResponse(body.model_dump(mode="json"), 202 if accepted.is_new else 200, {"Location": path})


def problems(codes: Mapping[int, Mapping[str, str]]) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: status -> code -> an example of its detail."""
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in details),
            "content": {
                PROBLEM_JSON: {
                    "schema": ProblemDetails.model_json_schema(),
                    "examples": {code: {"value": _problem(status, code, detail)} for code, detail in details.items()},
                }
            },
        }
        for status, details in codes.items()
    }


def _problem(status: int, code: str, detail: str) -> dict[str, Any]:
    return {"type": f"urn:voicepipe:problem:{code}", "status": status, "code": code, "detail": detail}
