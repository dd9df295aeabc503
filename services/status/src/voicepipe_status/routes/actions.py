"""Cancel, retry and delete."""

from __future__ import annotations

from fastapi import APIRouter, Response

from voicepipe_status.dependencies import AppDependencies, CurrentUser, JobId
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import changes
from voicepipe_status.schema import Transcription

router = APIRouter(tags=["transcriptions"])


@router.post(
    "/v1/transcriptions/{job_id}/cancel",
    responses=problem_responses("not_found", "not_cancellable"),
    operation_id="cancel_transcription",
)
async def cancel(job_id: JobId, user: CurrentUser, dependencies: AppDependencies) -> Transcription:
    """Cancel a transcription. Its queued work will not start."""
    return await changes.cancel(dependencies, user.id, job_id)


@router.post(
    "/v1/transcriptions/{job_id}/retry",
    responses=problem_responses("not_found", "not_retryable"),
    operation_id="retry_transcription",
)
async def retry(job_id: JobId, user: CurrentUser, dependencies: AppDependencies) -> Transcription:
    """Retry the failed or cancelled stages of a transcription. Finished work is kept."""
    return await changes.retry(dependencies, user.id, job_id)


@router.delete(
    "/v1/transcriptions/{job_id}",
    status_code=204,
    responses={
        204: {"description": "Deleted"},
        **problem_responses("not_found"),
    },
    operation_id="delete_transcription",
)
async def delete(job_id: JobId, user: CurrentUser, dependencies: AppDependencies) -> Response:
    """Delete a transcription with its audio, transcripts and events. It is cancelled first if it has not ended."""
    await changes.delete(dependencies, user.id, job_id)
    return Response(status_code=204)
