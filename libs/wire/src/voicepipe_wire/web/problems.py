"""Errors as RFC 9457 problem JSON, in responses and in OpenAPI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from voicepipe_wire.error_catalogue import ERRORS
from voicepipe_wire.errors import Problem

PROBLEM_JSON = "application/problem+json"


class ProblemDocument(BaseModel):
    """RFC 9457. `code` is stable, so programs may depend on it. Some problems have more members, such as `state`."""

    model_config = ConfigDict(title="Problem", extra="allow")

    type: str = Field(examples=["urn:voicepipe:problem:not_found"])
    title: str = Field(examples=[ERRORS["not_found"].title])
    status: int = Field(examples=[ERRORS["not_found"].status])
    code: str = Field(examples=["not_found"])
    detail: str = Field(examples=[ERRORS["not_found"].example_detail])


def problem_response(problem: Problem) -> JSONResponse:
    document = _document(problem.code, problem.status, problem.detail) | problem.members
    return JSONResponse(document, problem.status, problem.headers, PROBLEM_JSON)


def responses(codes: Iterable[str], schema: Mapping[str, Any]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for the errors of a route: by status, with an example of each code, all with `schema`."""
    by_status: dict[int, dict[str, Any]] = {}
    for code in codes:
        entry = ERRORS[code]
        assert entry.status is not None, f"{code} has no HTTP status"  # noqa: S101 - a programming error
        example = {"summary": entry.title, "value": _document(code, entry.status, entry.example_detail)}
        by_status.setdefault(entry.status, {})[code] = example
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in examples),
            "content": {PROBLEM_JSON: {"schema": dict(schema), "examples": examples}},
        }
        for status, examples in sorted(by_status.items())
    }


def _document(code: str, status: int, detail: str) -> dict[str, Any]:
    return {
        "type": f"urn:voicepipe:problem:{code}",
        # A job may have failed with a code of an older version.
        "title": ERRORS[code].title if code in ERRORS else HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
