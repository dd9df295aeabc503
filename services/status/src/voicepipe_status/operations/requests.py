"""Requests that carry more than an id, validated alike whichever protocol they came by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, Field, ValidationError
from voicepipe_wire.errors import Problem
from voicepipe_wire.jobs.stages import JobState

DAY_S = 86_400
MAX_IDS = 100
# Of a request. More would not fit into the trailers of a gRPC call.
MAX_FAULTS = 10

Request = TypeVar("Request", bound=BaseModel)

Limit = Annotated[int, Field(ge=1, le=100)]
Cursor = Annotated[str | None, Field(max_length=100, description="`next_cursor` of the previous page")]


class TranscriptionsRequest(BaseModel):
    """Which transcriptions."""

    state: list[JobState] | None = Field(None, description="Only transcriptions in these states; may be repeated")
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None
    name: str | None = Field(
        None,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Only transcriptions whose name contains this text",
    )
    limit: Limit = 20
    cursor: str | None = Field(None, description="`next_cursor` of the previous page")
    ids: str | None = Field(None, description=f"Only these ids, comma-separated, {MAX_IDS} at most")


class TranscriptRequest(BaseModel):
    version: int | None = Field(None, ge=1, le=2**31 - 1, description="Latest by default")


class DeadLetterCriteria(BaseModel):
    """Which dead letters."""

    stage: str | None = Field(None, pattern=r"^[a-z]{1,20}$", description="Only dead letters of this stage")
    code: str | None = Field(None, pattern=r"^[a-z0-9_]{1,60}$", description="Only dead letters with this error code")
    owner: str | None = Field(
        None, min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="Only those of this user, by id or name"
    )
    failed_after: AwareDatetime | None = None
    failed_before: AwareDatetime | None = None
    cursor: str | None = Field(None, max_length=100, description="`next_cursor` of the previous answer")


class DeadLettersRequest(DeadLetterCriteria):
    limit: Limit = 20


class PageRequest(BaseModel):
    limit: Limit = 20
    cursor: Cursor = None


class StuckJobsRequest(PageRequest):
    older_than_s: int = Field(
        600, ge=1, le=365 * DAY_S, description="Only jobs that have not changed for this many seconds"
    )


def validated(kind: type[Request], values: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Request:
    """The request that `values` make. `names` are those of the protocol that it came by, where they differ.

    Raises:
        Problem: 422 `invalid_request`, with the fields that are wrong.
    """
    try:
        return kind.model_validate({**values})
    except ValidationError as error:
        fields = [
            {"field": _path(fault["loc"], names or {}), "description": fault["msg"]}
            for fault in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FAULTS]
        ]
        reason = "; ".join(f"{each['field']}: {each['description']}" for each in fields)
        raise Problem.of("invalid_request", reason=reason, members={"fields": fields}) from None


def _path(location: tuple[str | int, ...], names: Mapping[str, str]) -> str:
    return ".".join(names.get(str(part), str(part)) for part in location) or "request"
