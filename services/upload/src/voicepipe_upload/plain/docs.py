"""OpenAPI of `POST /v1/transcriptions`: the route reads its body itself, so what it takes is written down here."""

from __future__ import annotations

from typing import Any, Final

from voicepipe_wire.messaging.subjects import Priority

from voicepipe_upload.options import AUTO, MOST_SPEAKERS, QUALITY_TIERS, TASKS
from voicepipe_upload.schema import Transcription, problems

_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "model": {
        "type": "string",
        "enum": [AUTO, *QUALITY_TIERS],
        "default": AUTO,
        "description": "auto: the best that is served",
    },
    "language": {"type": "string", "default": AUTO, "examples": ["en"], "description": "auto, or a code of a language"},
    "task": {"type": "string", "enum": list(TASKS), "default": TASKS[0]},
    "keyterms": {
        "type": "string",
        "examples": ["Voicepipe, JetStream"],
        "description": "words to expect; comma separated, or the field repeated",
    },
    "diarize": {"type": "boolean", "default": False, "description": "tell speakers apart"},
    "min_speakers": {"type": "integer", "minimum": 1, "maximum": MOST_SPEAKERS},
    "max_speakers": {"type": "integer", "minimum": 1, "maximum": MOST_SPEAKERS},
    "priority": {"type": "string", "enum": [*Priority], "default": str(Priority.STANDARD)},
}
_BINARY: Final = {"type": "string", "format": "binary"}

REQUEST: Final[dict[str, Any]] = {
    "parameters": [
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

UNKNOWN_KEY: Final = {
    "key_missing": "This needs an API key. Send it as 'Authorization: Bearer KEY'.",
    "key_unknown": "This API key is not known here, or was revoked. Check it or ask for a new one.",
}
NOT_NOW: Final = {
    "unavailable": "A part of the service is away for a moment. Nothing was lost; try again.",
    "no_model": "No speech model is served yet. Try again in a moment.",
    "busy": "Too many uploads arrive at the moment. Nothing was lost; try again in some seconds.",
}
INVALID_OPTION: Final = {
    "invalid_option": "Option 'language' is 'klingon'. It must be auto, or a code such as en, de or ja.",
    "model_not_served": "Model 'accurate' is not served here. What is served: fast, or auto.",
}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": Transcription, "description": "Accepted: it will reach exactly one final state."},
    200: {
        "model": Transcription,
        "description": "You sent the same bytes with the same options before; it is finished.",
    },
    **problems(
        {
            400: {
                "empty_body": "The recording is empty. Choose another file.",
                "unknown_option": "There is no option 'lang'. The options are: model, language, ...",
                "form_malformed": "The form has no file. Send the recording as field 'file'.",
                "length_mismatch": "The connection ended before as many bytes arrived as were announced. Send it again.",
            },
            401: UNKNOWN_KEY,
            408: {"upload_stalled": "Nothing arrived for 60 s. Check the connection and send it again."},
            413: {"too_large": "The recording is larger than 5 GiB, the limit here. Split it, or compress it."},
            415: {
                "unsupported_media_type": "A recording is audio or video, and this was sent as 'image/png'.",
                "not_audio": "This is no recording but an archive. Unpack it and send the recordings one by one.",
            },
            422: INVALID_OPTION,
            503: NOT_NOW,
        }
    ),
}
