"""The capabilities of this installation."""

from __future__ import annotations

from fastapi import APIRouter

from voicepipe_status.dependencies import AppDependencies, CurrentUser
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import installation
from voicepipe_status.schema import Capabilities

router = APIRouter(tags=["installation"])


@router.get("/v1/capabilities", responses=problem_responses(), operation_id="get_capabilities")
async def get_capabilities(_: CurrentUser, dependencies: AppDependencies) -> Capabilities:
    """Get models, languages, tasks, formats, limits, availability of diarization, and the number of live workers."""
    return await installation.capabilities(dependencies)
