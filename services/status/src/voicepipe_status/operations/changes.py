"""Cancel, retry and delete: commands that the controller carries out. A request waits briefly for the effect."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from voicepipe_wire.errors import Problem
from voicepipe_wire.jobs.stages import JobState
from voicepipe_wire.v1.commands_pb2 import CancelJob, DeleteJob, RetryJob

from voicepipe_status.commands import send, snapshot, wait_for
from voicepipe_status.dependencies import Dependencies
from voicepipe_status.queries import JobSnapshot
from voicepipe_status.schema import Transcription

from .transcriptions import get


@dataclass(frozen=True, slots=True)
class Changed:
    """A transcription after a command. If `took_effect` is false, the command is accepted and will be carried out."""

    transcription: Transcription
    took_effect: bool


async def cancel(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> Changed:
    """Cancel a transcription.

    Raises:
        Problem: 404 `not_found`, 409 `not_cancellable`.
    """
    _raise_if(before := await snapshot(dependencies, owner_id, job_id), before.ended, "not_cancellable")
    await send(dependencies, CancelJob(job_id=str(job_id), owner_id=str(owner_id)), owner_id, job_id)
    after = await wait_for(dependencies, owner_id, job_id, lambda now: now.ended)
    if after is not None and after.ended:
        _raise_if(after, after.state != JobState.CANCELLED, "not_cancellable")
    return Changed(await get(dependencies, owner_id, job_id), after is not None and after.ended)


async def retry(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> Changed:
    """Repeat what failed or was cancelled.

    Raises:
        Problem: 404 `not_found`, 409 `not_retryable`.
    """
    before = await snapshot(dependencies, owner_id, job_id)
    again = before.state in {JobState.FAILED, JobState.CANCELLED} or (before.ended and before.has_gaps)
    _raise_if(before, not again, "not_retryable")
    await send(dependencies, RetryJob(job_id=str(job_id), owner_id=str(owner_id)), owner_id, job_id)
    after = await wait_for(dependencies, owner_id, job_id, lambda now: now.changed_at > before.changed_at)
    took_effect = after is not None and after.changed_at > before.changed_at
    return Changed(await get(dependencies, owner_id, job_id), took_effect)


async def delete(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> bool:
    """Delete a transcription; returns whether it is gone already.

    Raises:
        Problem: 404 `not_found`.
    """
    await snapshot(dependencies, owner_id, job_id)
    await send(dependencies, DeleteJob(job_id=str(job_id), owner_id=str(owner_id)), owner_id, job_id)
    return await wait_for(dependencies, owner_id, job_id, lambda _: False) is None


def _raise_if(snapshot: JobSnapshot, impossible: bool, code: str) -> None:
    if impossible:
        raise Problem.of(code, members={"state": snapshot.state})
