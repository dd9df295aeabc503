"""What operators did to dead letters, for operators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.stream_reader import parse_sequence

from voicepipe_status.dependencies import AppDependencies, Operator
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.schema import OperatorAction, OperatorActionPage

router = APIRouter(tags=["operators"])


@router.get(
    "/v1/admin/audit", responses=problem_responses("operators_only", "bad_cursor"), operation_id="list_operator_actions"
)
async def list_operator_actions(
    _: Operator,
    dependencies: AppDependencies,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the previous page")] = None,
) -> OperatorActionPage:
    """List redrives and discards of dead letters, newest first."""
    before = parse_sequence(cursor) if cursor else None
    if cursor and before is None:
        raise Problem.of("bad_cursor")
    rows = await dependencies.queries.actions(before, limit + 1)
    page = rows[:limit]
    return OperatorActionPage(
        items=[OperatorAction(**row) for row in page],
        next_cursor=str(page[-1]["id"]) if len(rows) > limit else None,
    )
