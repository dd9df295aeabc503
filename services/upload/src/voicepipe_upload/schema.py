"""The response of upload: the fields of a transcription that it knows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from voicepipe_wire.jobs.options import complete
from voicepipe_wire.web.idempotency import Answer

from .finalize import Accepted

_ID = "0b9c5c0e-6f0a-4f5e-9d0e-3c8f1f6a2b11"


class Links(BaseModel):
    self: str
    events: str
    transcript: str
    audio: str


class Transcription(BaseModel):
    """The fields known at once. `GET links.self` returns all of them."""

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
                        "channels": "auto",
                        "track": None,
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


def transcription(accepted: Accepted) -> Transcription:
    path = path_of(accepted)
    return Transcription(
        id=str(accepted.id),
        name=accepted.name,
        state=accepted.state,
        created_at=accepted.created_at,
        size_bytes=accepted.size_bytes,
        media_type=accepted.media_type,
        options=complete(accepted.options),
        links=Links(self=path, events=f"{path}/events", transcript=f"{path}/transcript", audio=f"{path}/audio"),
    )


def answer_of(accepted: Accepted) -> Answer:
    """202 with a new transcription, 200 with an earlier one."""
    body = transcription(accepted).model_dump(mode="json")
    return Answer(202 if accepted.is_new else 200, {"Location": path_of(accepted)}, body)
