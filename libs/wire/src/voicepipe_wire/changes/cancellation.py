"""Cancels a job."""

from __future__ import annotations

from datetime import datetime

from voicepipe_wire.jobs import jobs, stages
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.messaging.outbox import Transaction


async def cancel(transaction: Transaction, job: StoredJob, *, at: datetime | None = None) -> bool:
    """Cancel what has not ended; False if the job has ended. `at` is when it was requested, by default now.

    The controller deletes the decoded audio.
    """
    if stages.outcome(job.stages):
        return False
    await jobs.mark_requested(transaction, job, at)
    await jobs.save(transaction, job, stages.cancel(job.stages))
    return True
