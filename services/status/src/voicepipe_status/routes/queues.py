"""The backlog of every queue, for operators."""

from __future__ import annotations

from fastapi import APIRouter

from voicepipe_status.dependencies import AppDependencies, Operator
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import oversight
from voicepipe_status.schema import Queues

router = APIRouter(tags=["operators"])


@router.get("/v1/admin/queues", responses=problem_responses("operators_only"), operation_id="list_queues")
async def list_queues(_: Operator, dependencies: AppDependencies) -> Queues:
    """List every queue: seconds of audio, commands, jobs, replicas of an autoscaled pool, and how old these figures are."""
    return await oversight.queues(dependencies)
