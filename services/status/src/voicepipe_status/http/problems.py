"""The problem responses of the routes, for OpenAPI."""

from __future__ import annotations

from typing import Any

from voicepipe_wire.web.problems import responses

# The codes that any route with a key may return.
ALWAYS = ("key_missing", "key_unknown", "invalid_request", "unavailable")
_SCHEMA = {"$ref": "#/components/schemas/Problem"}


def problem_responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may fail with `codes`, in addition to those of every route."""
    return responses((*ALWAYS, *codes), _SCHEMA)
