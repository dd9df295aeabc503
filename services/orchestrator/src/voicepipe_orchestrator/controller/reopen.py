"""Reopens a job that has ended."""

from __future__ import annotations

from voicepipe_wire.jobs import jobs, stages
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Job, Stage, State
from voicepipe_wire.messaging.outbox import Transaction

from voicepipe_orchestrator import chunks


async def reopen(transaction: Transaction, job: StoredJob, *, redo: frozenset[Stage] = frozenset()) -> None:
    """Continue an ended job with its failed stages and chunks, and repeat the stages in `redo`.

    If the PCM that they need is deleted, `prepare` is repeated too.
    """
    if await chunks.reopen_failed(transaction, job):
        await jobs.clear_warnings(transaction, job, "part_missing")
        if job.stages[Stage.TRANSCRIBE] is State.DONE:
            redo |= {Stage.TRANSCRIBE}
    after = stages.reopen(job.stages, redo=redo)
    if job.pcm_key is None and _needs_pcm(after) and after[Stage.PREPARE] is State.DONE:
        after = stages.reopen(after, redo=frozenset({Stage.PREPARE}))
    await jobs.reset_attempts(transaction, job)
    reopened = await jobs.lock(transaction.connection, job.id)
    if reopened is not None:
        await jobs.save(transaction, reopened, after)


def _needs_pcm(job: Job) -> bool:
    return any(job.stages[stage] is State.WAITING for stage in (Stage.TRANSCRIBE, Stage.DIARIZE))
