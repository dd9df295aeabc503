"""Read transcriptions: one, a page, or a batch."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from voicepipe_status.dependencies import AppDependencies, CurrentUser, JobId
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import transcriptions
from voicepipe_status.operations.requests import TranscriptionsRequest
from voicepipe_status.schema import Transcription, TranscriptionPage

router = APIRouter(tags=["transcriptions"])


@router.get("/v1/transcriptions", responses=problem_responses("bad_cursor"), operation_id="list_transcriptions")
async def list_transcriptions(
    user: CurrentUser, dependencies: AppDependencies, query: Annotated[TranscriptionsRequest, Query()]
) -> TranscriptionPage:
    """List transcriptions, newest first. With `ids`, return the existing ones in that order; other filters are ignored."""
    return await transcriptions.page(dependencies, user.id, query)


@router.get("/v1/transcriptions/{job_id}", responses=problem_responses("not_found"), operation_id="get_transcription")
async def get_transcription(job_id: JobId, user: CurrentUser, dependencies: AppDependencies) -> Transcription:
    """Get a transcription: state, progress in seconds of audio, queue position, time left, warnings, error."""
    return await transcriptions.get(dependencies, user.id, job_id)
