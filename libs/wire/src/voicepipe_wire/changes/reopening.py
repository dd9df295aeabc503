"""Lets a job that has ended continue: retry, and what diarize again and redrive need too."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from voicepipe_wire.jobs import jobs, stages, warnings
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Job, Stage, State, outcome
from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.storage.database import Connection, affected


async def retry(transaction: Transaction, job: StoredJob, *, at: datetime | None = None) -> bool:
    """Repeat what failed or was cancelled, and keep what is done; False if there is nothing to repeat.

    `at` is when it was requested, by default now.
    """
    ended = outcome(job.stages)
    if ended is None or (ended is State.DONE and not await _has_failed_chunks(transaction.connection, job.id)):
        return False
    await jobs.mark_requested(transaction, job, at)
    await reopen(transaction, job)
    return True


async def reopen(transaction: Transaction, job: StoredJob, *, redo: frozenset[Stage] = frozenset()) -> None:
    """Continue an ended job with its failed stages and chunks, and repeat the stages in `redo`.

    If the PCM that they need is deleted, `prepare` is repeated too. A diarization that is done is not: its turns do not depend on the chunks.
    """
    if await reopen_failed_chunks(transaction, job):
        await warnings.clear(transaction, job, "part_missing")
        if job.stages[Stage.TRANSCRIBE] is State.DONE:
            redo |= {Stage.TRANSCRIBE}
    after = stages.reopen(job.stages, redo=redo)
    if job.pcm_key is None and _needs_pcm(after) and after[Stage.PREPARE] is State.DONE:
        after = stages.reopen(after, redo=frozenset({Stage.PREPARE}), keep=frozenset({Stage.DIARIZE}))
    await jobs.reset_attempts(transaction, job)
    reopened = await jobs.lock(transaction.connection, job.id)
    if reopened is not None:
        await jobs.save(transaction, reopened, after)


async def reopen_failed_chunks(transaction: Transaction, job: StoredJob) -> bool:
    """Set failed chunks of a locked job back to waiting; True if there were any.

    They need no command of their own: a `transcribe` that runs queues waiting chunks whenever it has finished another one.
    """
    changed = await transaction.connection.execute(
        """
        UPDATE chunks SET state = 'waiting', error_code = NULL, finished_at = NULL
        WHERE job_id = $1 AND state = 'failed'
        """,
        job.id,
    )
    return affected(changed) > 0


async def _has_failed_chunks(connection: Connection, job_id: UUID) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM chunks WHERE job_id = $1 AND state = 'failed')", job_id
    )
    return found


def _needs_pcm(job: Job) -> bool:
    return any(job.stages[stage] is State.WAITING for stage in (Stage.TRANSCRIBE, Stage.DIARIZE))
