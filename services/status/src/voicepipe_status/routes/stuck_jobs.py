"""Unfinished jobs that make no progress, for operators. The names and texts of their owners are not shown."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from voicepipe_status.dependencies import AppDependencies, Operator
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import oversight
from voicepipe_status.operations.requests import StuckJobsRequest
from voicepipe_status.schema import StuckJobPage

router = APIRouter(tags=["operators"])


@router.get(
    "/v1/admin/stuck-jobs", responses=problem_responses("operators_only", "bad_cursor"), operation_id="list_stuck_jobs"
)
async def list_stuck_jobs(
    _: Operator, dependencies: AppDependencies, query: Annotated[StuckJobsRequest, Query()]
) -> StuckJobPage:
    """List unfinished jobs that have not changed for a while, with their queued and running stages, oldest first."""
    return await oversight.stuck_jobs(dependencies, query)
