"""Cancel, retry and delete: commands that the controller carries out. A request waits briefly for the effect."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from voicepipe_wire.errors import Problem
from voicepipe_wire.jobs.stages import JobState
from voicepipe_wire.v1.commands_pb2 import CancelJob, DeleteJob, RetryJob

from voicepipe_status.commands import send, snapshot, wait_for
from voicepipe_status.dependencies import AppDependencies, CurrentUser, Dependencies, JobId
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.queries import JobSnapshot
from voicepipe_status.schema import Transcription

from .transcriptions import read_transcription

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
    _raise_if(ended := await snapshot(dependencies, user.id, job_id), ended.ended, "not_cancellable")
    await send(dependencies, CancelJob(job_id=str(job_id), owner_id=str(user.id)), user.id, job_id)
    after = await wait_for(dependencies, user.id, job_id, lambda now: now.ended)
    if after is not None and after.ended:
        _raise_if(after, after.state != JobState.CANCELLED, "not_cancellable")
    return await _answer(dependencies, user.id, job_id, took_effect=after is not None and after.ended)


@router.post(
    "/v1/transcriptions/{job_id}/retry",
    response_model=Transcription,
    responses={**_LATER, **problem_responses("not_found", "not_retryable")},
    operation_id="retry_transcription",
)
async def retry(job_id: JobId, user: CurrentUser, dependencies: AppDependencies) -> Response:
    """Retry the failed or cancelled stages of a transcription. Finished work is kept."""
    before = await snapshot(dependencies, user.id, job_id)
    again = before.state in {JobState.FAILED, JobState.CANCELLED} or (before.ended and before.has_gaps)
    _raise_if(before, not again, "not_retryable")
    await send(dependencies, RetryJob(job_id=str(job_id), owner_id=str(user.id)), user.id, job_id)
    after = await wait_for(dependencies, user.id, job_id, lambda now: now.changed_at > before.changed_at)
    took_effect = after is not None and after.changed_at > before.changed_at
    return await _answer(dependencies, user.id, job_id, took_effect=took_effect)


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
    await snapshot(dependencies, user.id, job_id)
    await send(dependencies, DeleteJob(job_id=str(job_id), owner_id=str(user.id)), user.id, job_id)
    remaining = await wait_for(dependencies, user.id, job_id, lambda _: False)
    return Response(status_code=204 if remaining is None else 202)


def _raise_if(snapshot: JobSnapshot, impossible: bool, code: str) -> None:
    if impossible:
        raise Problem.of(code, members={"state": snapshot.state})


async def _answer(dependencies: Dependencies, owner_id: UUID, job_id: UUID, *, took_effect: bool) -> Response:
    transcription = await read_transcription(dependencies, owner_id, job_id)
    return JSONResponse(transcription.model_dump(mode="json"), 200 if took_effect else 202)
