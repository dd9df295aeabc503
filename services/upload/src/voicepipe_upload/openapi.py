"""The problem responses of the routes, for OpenAPI."""

from __future__ import annotations

from typing import Any, Final

from voicepipe_wire.web.idempotency import MAX_KEY_CHARS
from voicepipe_wire.web.problems import ProblemDocument, responses

ALWAYS: Final = ("key_missing", "key_unknown")
OPTIONS: Final = ("unknown_option", "invalid_option", "model_not_served", "no_model")
RECEIVING: Final = (
    "empty_body",
    "upload_stalled",
    "too_slow",
    "length_mismatch",
    "too_large",
    "not_audio",
    "unsupported_media_type",
    "too_many_uploads",
    "busy",
    "unavailable",
)
KEYS: Final = ("idempotency_key_invalid", "idempotency_in_flight", "idempotency_key_reused")
IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "makes it safe to repeat the request: a repetition with the same key gets the same answer, "
    "with `Idempotency-Replayed: true`",
    "schema": {"type": "string", "maxLength": MAX_KEY_CHARS},
    "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
}
_SCHEMA: Final = ProblemDocument.model_json_schema()


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may fail with `codes`, in addition to those of every route."""
    return responses((*ALWAYS, *codes), _SCHEMA)
