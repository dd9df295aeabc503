"""Cancel, retry and delete. A request waits briefly for the effect."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from voicepipe_status.dependencies import AppDependencies, CurrentUser, JobId
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import changes
from voicepipe_status.operations.changes import Changed
from voicepipe_status.schema import Transcription

router = APIRouter(tags=["transcriptions"])

_LATER: dict[int | str, dict[str, Any]] = {
    202: {"model": Transcription, "description": "Accepted; it had not taken effect within 3 s"}
}


@router.post(
    "/v1/transcriptions/{job_id}/cancel",
    response_model=Transcription,
    responses={**_LATER, **problem_responses("not_found", "not_cancellable")},
    operation_id="cancel_transcription",
)
async def cancel(job_id: JobId, user: CurrentUser, dependencies: AppDependencies) -> Response:
    """Cancel a transcription. Its queued work will not start."""
    return _answer(await changes.cancel(dependencies, user.id, job_id))


@router.post(
    "/v1/transcriptions/{job_id}/retry",
    response_model=Transcription,
    responses={**_LATER, **problem_responses("not_found", "not_retryable")},
    operation_id="retry_transcription",
)
async def retry(job_id: JobId, user: CurrentUser, dependencies: AppDependencies) -> Response:
    """Retry the failed or cancelled stages of a transcription. Finished work is kept."""
    return _answer(await changes.retry(dependencies, user.id, job_id))


@router.delete(
    "/v1/transcriptions/{job_id}",
    status_code=204,
    responses={
        204: {"description": "Deleted"},
        202: {"description": "Accepted; it was not deleted within 3 s"},
        **problem_responses("not_found"),
    },
    operation_id="delete_transcription",
)
async def delete(job_id: JobId, user: CurrentUser, dependencies: AppDependencies) -> Response:
    """Delete a transcription with its audio, transcripts and events. It is cancelled first if it has not ended."""
    return Response(status_code=204 if await changes.delete(dependencies, user.id, job_id) else 202)


def _answer(changed: Changed) -> Response:
    return JSONResponse(changed.transcription.model_dump(mode="json"), 200 if changed.took_effect else 202)
