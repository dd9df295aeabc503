"""The first and the last step of every stage handler: claim the stage, and lock the job again to save the result.

Invariants:

- A handler works without the lock. It claims its stage in one transaction, works, and in a second transaction saves its
  result only if `lock_if_running` returns the job.
- At most one result is saved per run of a stage: the save moves the stage out of RUNNING under the row lock, so a
  second handler of the same command finds it ended. (The state of a chunk does the same for its words.)

Races:

- Two workers hold the same command (a late heartbeat, a duplicate after redrive or sweep). Both may claim, because a
  RUNNING stage can be claimed again; the first to save wins, `lock_if_running` returns None to the other.
- The job is cancelled, deleted or failed while a handler works: `lock_if_running` returns None, and the result is
  dropped.
- A worker dies after its claim. The stage stays RUNNING, and the redelivered command claims it again: that is not
  another attempt, because the broker bounds the deliveries of one command.
- A worker dies after its save and before its ack. The redelivered command finds the stage ended, and is acked.
- The command itself is lost and the sweeper queues another: RUNNING becomes QUEUED, so the next claim is another
  attempt. `MAX_ATTEMPTS` bounds those.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from voicepipe_wire.errors import Reject
from voicepipe_wire.messaging.outbox import Outbox, Transaction

from . import jobs
from .jobs import StoredJob
from .stages import Event, Stage, State, advance, outcome

# The broker bounds the deliveries of one command. This bounds the commands that the sweeper adds.
MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class StageRef:
    """The stage that a command is about."""

    job_id: UUID
    stage: Stage


async def claim(outbox: Outbox, ref: StageRef) -> StoredJob | None:
    """Start the stage; None if there is nothing to do: the stage has ended, or the job has ended or was deleted.

    A stage that is already running is restarted within its attempt: its command was redelivered after a worker died, or
    its handler runs again after an outage, which may last for hours.

    Raises:
        Reject: `worker_lost`; the stage was started `MAX_ATTEMPTS` times.
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
    """The locked job if the stage is still running; None if it was cancelled, deleted or finished by another worker."""
    job = await jobs.lock(transaction.connection, ref.job_id)
    return job if job and job.stages[ref.stage] is State.RUNNING else None
