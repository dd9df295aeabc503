"""OpenAPI of `POST /v1/transcriptions`, which reads its body itself."""

from __future__ import annotations

from typing import Any, Final

from voicepipe_wire.messaging.subjects import Priority
from voicepipe_wire.transcript.option_limits import CHANNELS, MAX_SPEAKERS, MAX_TRACK

from voicepipe_upload.openapi import IDEMPOTENCY_KEY, KEYS, OPTIONS, RECEIVING, problems
from voicepipe_upload.options import AUTO, QUALITY_TIERS, TASKS
from voicepipe_upload.schema import Transcription

_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "model": {
        "type": "string",
        "enum": [AUTO, *QUALITY_TIERS],
        "default": AUTO,
        "description": "quality tier; auto chooses the best one served",
    },
    "language": {"type": "string", "default": AUTO, "examples": ["en"], "description": "auto, or a language code"},
    "task": {"type": "string", "enum": list(TASKS), "default": TASKS[0]},
    "keyterms": {
        "type": "string",
        "examples": ["Voicepipe, JetStream"],
        "description": "words to expect, comma-separated; may be repeated",
    },
    "diarize": {"type": "boolean", "default": False, "description": "label the words with speakers"},
    "min_speakers": {"type": "integer", "minimum": 1, "maximum": MAX_SPEAKERS},
    "max_speakers": {"type": "integer", "minimum": 1, "maximum": MAX_SPEAKERS},
    "priority": {"type": "string", "enum": [*Priority], "default": str(Priority.STANDARD)},
    "fresh": {
        "type": "boolean",
        "default": False,
        "description": "transcribe again, even if there is a transcription of the same bytes with the same options",
    },
    "channels": {
        "type": "string",
        "enum": list(CHANNELS),
        "default": AUTO,
        "description": "mix: everybody in one transcript. separate: each channel is transcribed apart and is a speaker, `Channel 1` and so "
        "on; not together with diarize. auto: separates two channels with a voice each, such as the two ends of a call, and mixes all others",
    },
    "track": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_TRACK,
        "description": "number of the audio track to transcribe, in the order of the file; by default the track that a player plays, or the "
        "first one that has sound",
    },
}
_BINARY: Final = {"type": "string", "format": "binary"}

REQUEST: Final[dict[str, Any]] = {
    "parameters": [
        IDEMPOTENCY_KEY,
        {"name": "name", "in": "query", "schema": {"type": "string"}, "description": "name of the recording"},
        *({"name": name, "in": "query", "schema": schema} for name, schema in _OPTIONS.items()),
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": _BINARY, **_OPTIONS}}
            },
            "audio/*": {"schema": _BINARY},
            "video/*": {"schema": _BINARY},
            "application/octet-stream": {"schema": _BINARY},
        },
    },
}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": Transcription, "description": "Accepted. The transcription will reach exactly one final state."},
    200: {
        "model": Transcription,
        "description": "Duplicate: the transcription of the same bytes with the same options, completed or in progress.",
    },
    **problems(*OPTIONS, *KEYS, *RECEIVING, "form_malformed"),
}
