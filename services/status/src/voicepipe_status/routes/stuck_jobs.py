"""Unfinished jobs that make no progress, for operators. The names and texts of their owners are not shown."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from voicepipe_status.dependencies import AppDependencies, Operator
from voicepipe_status.http import cursors
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.schema import StuckJob, StuckJobPage

DAY_S = 86_400

router = APIRouter(tags=["operators"])


@router.get(
    "/v1/admin/stuck-jobs", responses=problem_responses("operators_only", "bad_cursor"), operation_id="list_stuck_jobs"
)
async def list_stuck_jobs(
    _: Operator,
    dependencies: AppDependencies,
    older_than_s: Annotated[
        int, Query(ge=1, le=365 * DAY_S, description="Only jobs that have not changed for this many seconds")
    ] = 600,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the previous page")] = None,
) -> StuckJobPage:
    """List unfinished jobs that have not changed for a while, with their queued and running stages, oldest first."""
    after = cursors.decode(cursor) if cursor else None
    rows = await dependencies.queries.stuck(older_than_s, after, limit + 1)
    page = rows[:limit]
    return StuckJobPage(
        items=[StuckJob(**row) for row in page],
        next_cursor=cursors.encode(cursors.Position(page[-1]["changed_at"], page[-1]["id"]))
        if len(rows) > limit
        else None,
    )
