"""How a route of this service may fail, for OpenAPI."""

from __future__ import annotations

from typing import Any

from voicepipe_wire.web.problems import responses

# What any request with a key may be answered.
ALWAYS = ("key_missing", "key_unknown", "invalid_request", "unavailable")
_SCHEMA = {"$ref": "#/components/schemas/Problem"}


def problem_responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may fail with these codes, besides those of every route."""
    return responses((*ALWAYS, *codes), _SCHEMA)
