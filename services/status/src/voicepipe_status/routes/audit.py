"""What operators did to dead letters, for operators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from voicepipe_status.dependencies import AppDependencies, Operator
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import oversight
from voicepipe_status.operations.requests import PageRequest
from voicepipe_status.schema import OperatorActionPage

router = APIRouter(tags=["operators"])


@router.get(
    "/v1/admin/audit", responses=problem_responses("operators_only", "bad_cursor"), operation_id="list_operator_actions"
)
async def list_operator_actions(
    _: Operator, dependencies: AppDependencies, query: Annotated[PageRequest, Query()]
) -> OperatorActionPage:
    """List redrives and discards of dead letters, newest first."""
    return await oversight.operator_actions(dependencies, query)
