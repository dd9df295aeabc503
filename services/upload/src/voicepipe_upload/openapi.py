"""The problem responses of the routes, for OpenAPI."""

from __future__ import annotations

from typing import Any, Final

from voicepipe_wire.web.problems import ProblemDocument, responses

ALWAYS: Final = ("key_missing", "key_unknown")
OPTIONS: Final = ("unknown_option", "invalid_option", "model_not_served", "no_model")
RECEIVING: Final = ("empty_body", "upload_stalled", "length_mismatch", "too_large", "not_audio", "busy", "unavailable")
_SCHEMA: Final = ProblemDocument.model_json_schema()


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may fail with `codes`, in addition to those of every route."""
    return responses((*ALWAYS, *codes), _SCHEMA)
