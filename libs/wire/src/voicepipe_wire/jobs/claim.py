"""What every step does first and last: take the stage, and let go of it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from voicepipe_wire.errors import Reject
from voicepipe_wire.messaging.outbox import Outbox, Transaction

from . import jobs
from .jobs import StoredJob
from .stages import Event, Stage, State, advance, outcome

# Deliveries of one command are bounded by the broker; this bounds what the sweeper adds to them.
MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class StageRef:
    """One stage of one job, by its command."""

    job_id: UUID
    stage: Stage


async def claim(outbox: Outbox, ref: StageRef) -> StoredJob | None:
    """Start the stage; None if there is nothing to do: it is done, or the job has ended or is gone.

    A stage that runs already goes on: its command came back because a worker died, or is tried again because something was
    away. Neither counts as another start: the broker bounds the deliveries, and an outage may last as long as it likes.

    Raises:
        Reject: it was started too often.
    """
    async with outbox.transaction() as transaction:
        job = await jobs.lock(transaction.connection, ref.job_id)
        if job is None or outcome(job.stages) or job.stages[ref.stage] not in {State.QUEUED, State.RUNNING}:
            return None
        if job.stages[ref.stage] is State.RUNNING:
            await jobs.restart(transaction, job, ref.stage)
        elif job.attempts[ref.stage] >= MAX_ATTEMPTS:
            raise Reject.of("worker_lost")
        else:
            await jobs.save(transaction, job, advance(job.stages, ref.stage, Event.START))
    return job


async def lock_if_running(transaction: Transaction, ref: StageRef) -> StoredJob | None:
    """The job, locked, if the stage is still to be done; None if it was cancelled, deleted or done by somebody else."""
    job = await jobs.lock(transaction.connection, ref.job_id)
    return job if job and job.stages[ref.stage] is State.RUNNING else None
