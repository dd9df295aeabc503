"""The repository of `jobs` and `stages`. No other module writes these tables, but for the column `warnings` (`warnings`).

Invariants:

- A job changes state in one way: `lock` it, decide with `stages`, `save`. The lock lasts until the transaction ends, so
  handlers, the controller and the sweeper never decide on the same job at once.
- `save` writes the new state, its events and the commands of stages that became due in one transaction, through the
  outbox. There is no state without its messages, and no message of a change that was rolled back.
- A handler works without the lock and takes it again before it saves (`claim.lock_if_running`): meanwhile the job may
  have been cancelled, deleted, or finished by another worker.

Races:

- `lock` waits for another transaction. The row that it then returns is current, but a join in the same statement would
  be as old as the statement's snapshot, so the stages are read by a second statement, under the lock.
- A commit falls between two reads. `read` takes no lock, so it is one statement with one snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from prometheus_client import Counter

from voicepipe_wire.errors import Reject
from voicepipe_wire.messaging import outbox
from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.storage.database import Connection
from voicepipe_wire.transcript.media import Media
from voicepipe_wire.v1.commands_pb2 import AssembleTranscript, DiarizeRecording, PrepareRecording, StartTranscription
from voicepipe_wire.v1.events_pb2 import JobCancelled, JobFailed, StageChanged

from .options import options_hash
from .stages import FINAL, Event, Job, JobState, Stage, State, advance, job_state, queue_due

COMMANDS: Mapping[Stage, Callable[..., Message]] = {
    Stage.PREPARE: PrepareRecording,
    Stage.TRANSCRIBE: StartTranscription,
    Stage.DIARIZE: DiarizeRecording,
    Stage.ASSEMBLE: AssembleTranscript,
}


# Instead of the key of the PCM: it is being deleted, or its deletion was interrupted. Not NULL, so that it is deleted again.
_BEING_DELETED = ""

FINISHED = Counter("voicepipe_jobs_finished_total", "Jobs that ended", ["outcome"])
for _outcome in FINAL:
    FINISHED.labels(_outcome)  # exported as 0 from the start: Prometheus cannot see the first increase of a new series


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A row of `jobs` with its stages."""

    id: UUID
    owner_id: UUID
    recording_id: UUID
    priority: str
    options: Mapping[str, Any]
    language: str | None
    language_probability: float | None
    duration_s: float | None
    speech_s: float | None
    pcm_key: str | None  # None if there is no PCM that can be relied on
    warnings: tuple[Mapping[str, Any], ...]
    stages: Job
    attempts: Mapping[Stage, int]
    # When the last change that somebody asked for was requested: cancel, retry, diarize again, redrive.
    requested_at: datetime | None = None
    media: Media | None = None  # None until it is prepared

    @property
    def state(self) -> JobState:
        return job_state(self.stages)

    @property
    def pool(self) -> str:
        """The pool of speech models that transcribes it."""
        return str(self.options["model"]["name"])


@dataclass(frozen=True, slots=True)
class NewJob:
    id: UUID
    owner_id: UUID
    recording_id: UUID
    priority: str
    options: Mapping[str, Any]


async def create(transaction: Transaction, new: NewJob) -> None:
    """Insert a job for a stored recording, and queue its first stage."""
    connection = transaction.connection
    await connection.execute(
        """
        INSERT INTO jobs (id, owner_id, recording_id, state, priority, options, options_sha256)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        new.id,
        new.owner_id,
        new.recording_id,
        JobState.UPLOADED,
        new.priority,
        dict(new.options),
        options_hash(new.options),
    )
    await connection.executemany(
        "INSERT INTO stages (job_id, owner_id, stage, state) VALUES ($1, $2, $3, $4)",
        [(new.id, new.owner_id, stage, State.WAITING) for stage in Stage],
    )
    job = await lock(connection, new.id)
    assert job is not None  # noqa: S101 - inserted above
    stages = job.stages if new.options.get("diarize") else advance(job.stages, Stage.DIARIZE, Event.SKIP)
    await save(transaction, job, stages)


async def lock(connection: Connection, job_id: UUID) -> StoredJob | None:
    """The job, locked until the transaction ends; None if it was deleted."""
    row = await connection.fetchrow("SELECT * FROM jobs WHERE id = $1 FOR UPDATE", job_id)
    if row is None:
        return None
    # A second statement: see the races above.
    return _stored(row, await connection.fetch("SELECT stage, state, attempts FROM stages WHERE job_id = $1", job_id))


async def read(connection: Connection, job_id: UUID) -> StoredJob | None:
    """The job and its stages from one snapshot, without a lock; None if there is no such job."""
    row = await connection.fetchrow(
        """
        SELECT jobs.*, (SELECT jsonb_agg(to_jsonb(stages)) FROM stages WHERE job_id = $1) AS stages
        FROM jobs WHERE id = $1
        """,
        job_id,
    )
    return None if row is None else _stored(row, row["stages"])


async def save(transaction: Transaction, before: StoredJob, after: Job) -> Job:
    """Write the difference between a locked job and `after`, queue the due stages, add their commands and all events.

    The caller adds JobCompleted and JobFailed (see `fail`), whose fields only it knows.
    """
    after, _ = queue_due(after)
    new_state = job_state(after)
    changed = {stage: state for stage, state in after.stages.items() if state is not before.stages[stage]}
    for stage, state in changed.items():
        attempt = before.attempts[stage] + (state is State.RUNNING)
        await _write_stage(transaction.connection, before, stage, state, attempt)
        _emit(transaction, before, stage, state, attempt, new_state)
        if state is State.QUEUED:
            command(transaction, before, stage)
    if changed:
        await transaction.connection.execute(
            """
            UPDATE jobs SET state = $2, changed_at = now(), finished_at = CASE WHEN $3 THEN now() END,
                error_code = CASE WHEN $2 = 'failed' THEN error_code END,
                error_message = CASE WHEN $2 = 'failed' THEN error_message END
            WHERE id = $1
            """,
            before.id,
            str(new_state),
            new_state in FINAL,
        )
    if new_state in FINAL:
        if before.state is not new_state:
            FINISHED.labels(new_state).inc()
        await outbox.delete_published(transaction.connection, before.id)
        if new_state is JobState.CANCELLED and before.state is not JobState.CANCELLED:
            transaction.event(before, JobCancelled(job_id=str(before.id)))
    return after


async def restart(transaction: Transaction, job: StoredJob, stage: Stage) -> None:
    """Restart a running stage within its attempt. Its time counts from now."""
    await _write_stage(transaction.connection, job, stage, State.RUNNING, job.attempts[stage])


async def fail(transaction: Transaction, job: StoredJob, after: Job, error: Reject) -> None:
    """Save a job that failed for good, with the error for its owner."""
    await save(transaction, job, after)
    await transaction.connection.execute(
        "UPDATE jobs SET error_code = $2, error_message = $3 WHERE id = $1", job.id, error.code, error.message
    )
    failed = JobFailed(job_id=str(job.id), code=error.code, message=error.message)
    transaction.event(job, failed)


async def set_prepared(
    transaction: Transaction,
    job: StoredJob,
    *,
    duration_s: float,
    speech_s: float,
    pcm_key: str,
    media: Media | None = None,
) -> None:
    """Store the results of `prepare`: the durations, the key of the PCM object, and what was found in the file."""
    await transaction.connection.execute(
        "UPDATE jobs SET duration_s = $2, speech_s = $3, pcm_key = $4, media = $5 WHERE id = $1",
        job.id,
        duration_s,
        speech_s,
        pcm_key,
        media.to_json() if media else None,
    )


async def set_language(
    transaction: Transaction, job: StoredJob, language: str | None, probability: float | None
) -> None:
    await transaction.connection.execute(
        "UPDATE jobs SET language = $2, language_probability = $3 WHERE id = $1", job.id, language, probability
    )


async def set_options(transaction: Transaction, job: StoredJob, options: Mapping[str, Any]) -> None:
    await transaction.connection.execute(
        "UPDATE jobs SET options = $2, options_sha256 = $3 WHERE id = $1", job.id, dict(options), options_hash(options)
    )


async def mark_checked(transaction: Transaction, job_id: UUID) -> None:
    """Record that the sweeper has checked the job. Unlike `changed_at`, this says nothing about its progress."""
    await transaction.connection.execute("UPDATE jobs SET checked_at = now() WHERE id = $1", job_id)


async def mark_pcm_unneeded(connection: Connection, job_id: UUID) -> None:
    """Record, before the PCM of an ended job is deleted, that it may be gone: whoever reopens the job prepares it again."""
    await connection.execute(
        "UPDATE jobs SET pcm_key = $2 WHERE id = $1 AND finished_at IS NOT NULL AND pcm_key <> $2",
        job_id,
        _BEING_DELETED,
    )


async def lock_pcm_if_ended(connection: Connection, job_id: UUID) -> UUID | None:
    """The owner of an ended job that has PCM, with the job locked; None if it has not ended or has no PCM.

    The lock makes a concurrent retry find the PCM either stored or gone.
    """
    owner_id: UUID | None = await connection.fetchval(
        "SELECT owner_id FROM jobs WHERE id = $1 AND finished_at IS NOT NULL AND pcm_key IS NOT NULL FOR UPDATE", job_id
    )
    return owner_id


async def clear_pcm_key(connection: Connection, job_id: UUID) -> None:
    await connection.execute("UPDATE jobs SET pcm_key = NULL WHERE id = $1", job_id)


async def set_progress(transaction: Transaction, job: StoredJob, stage: Stage, done_s: float, total_s: float) -> None:
    """Store the progress of a stage, in seconds of audio. It waits for nothing any more.

    It happens every second, so no index may hold what it changes.
    """
    await transaction.connection.execute(
        """
        UPDATE stages SET done_s = $3, total_s = $4, waiting_for = NULL, waiting_since = NULL
        WHERE job_id = $1 AND stage = $2
        """,
        job.id,
        stage,
        done_s,
        total_s,
    )
    await transaction.connection.execute("UPDATE jobs SET changed_at = now() WHERE id = $1", job.id)


async def note_wait(connection: Connection, job_id: UUID, stage: str, dependency: str) -> None:
    """Note what an active stage waits for. The time is that of the first note of the same dependency."""
    await connection.execute(
        """
        UPDATE stages SET waiting_for = $3, waiting_since = now()
        WHERE job_id = $1 AND stage = $2 AND state IN ('queued', 'running') AND waiting_for IS DISTINCT FROM $3
        """,
        job_id,
        stage,
        dependency,
    )


async def reset_progress(transaction: Transaction, job: StoredJob, stage: Stage) -> None:
    await transaction.connection.execute("UPDATE stages SET done_s = 0 WHERE job_id = $1 AND stage = $2", job.id, stage)


async def reset_attempts(transaction: Transaction, job: StoredJob) -> None:
    """Give a reopened job all its attempts again."""
    await transaction.connection.execute("UPDATE stages SET attempts = 0 WHERE job_id = $1", job.id)


async def mark_requested(transaction: Transaction, job: StoredJob, at: datetime | None) -> None:
    """Record that somebody has requested a change of a locked job, `at` a time or now."""
    await transaction.connection.execute("UPDATE jobs SET requested_at = coalesce($2, now()) WHERE id = $1", job.id, at)


async def mark_name_removed(transaction: Transaction, job: StoredJob, at: datetime | None) -> None:
    """Record that the name of a speaker was removed, `at` a time or now."""
    await transaction.connection.execute(
        "UPDATE jobs SET name_removed_at = coalesce($2, now()) WHERE id = $1", job.id, at
    )


async def delete(transaction: Transaction, job_id: UUID) -> UUID | None:
    """Delete the job with its dependent rows, and return the id of its recording; None if there is no such job."""
    recording_id: UUID | None = await transaction.connection.fetchval(
        "DELETE FROM jobs WHERE id = $1 RETURNING recording_id", job_id
    )
    return recording_id


def command(transaction: Transaction, job: StoredJob, stage: Stage, *, pool: str | None = None) -> None:
    """Add the command of a stage to the transaction. `pool`: another pool than the job's, only for `transcribe`."""
    message = COMMANDS[stage](job_id=str(job.id), owner_id=str(job.owner_id))
    queue = Queue(stage, pool or job.pool) if stage is Stage.TRANSCRIBE else Queue(stage)
    transaction.command(queue, job.priority, message, job_id=job.id, owner_id=job.owner_id)


def _emit(
    transaction: Transaction, job: StoredJob, stage: Stage, state: State, attempt: int, job_state: JobState
) -> None:
    changed = StageChanged(job_id=str(job.id), stage=stage, state=state, attempt=attempt, job_state=job_state)
    transaction.event(job, changed)


async def _write_stage(connection: Connection, job: StoredJob, stage: Stage, state: State, attempt: int) -> None:
    """A stage that starts again still waits until it makes progress."""
    await connection.execute(
        """
        UPDATE stages SET state = $3, attempts = $4, priority = $5,
            queued_at = CASE WHEN $3 = 'queued' THEN now() ELSE queued_at END,
            started_at = CASE
                WHEN $3 = 'running' THEN now() WHEN $3 IN ('waiting', 'queued') THEN NULL ELSE started_at END,
            finished_at = CASE WHEN $3 IN ('done', 'skipped', 'failed', 'cancelled') THEN now() END,
            waiting_for = CASE WHEN $3 = 'running' THEN waiting_for END,
            waiting_since = CASE WHEN $3 = 'running' THEN waiting_since END
        WHERE job_id = $1 AND stage = $2
        """,
        job.id,
        str(stage),
        str(state),
        attempt,
        job.priority,
    )


def _stored(row: Mapping[str, Any], stages: Iterable[Mapping[str, Any]]) -> StoredJob:
    # In the order of the work, whatever that of the rows is: the events of a change have it too.
    found = {Stage(item["stage"]): item for item in stages}
    return StoredJob(
        id=row["id"],
        owner_id=row["owner_id"],
        recording_id=row["recording_id"],
        priority=row["priority"],
        options=row["options"],
        language=row["language"],
        language_probability=row["language_probability"],
        duration_s=row["duration_s"],
        speech_s=row["speech_s"],
        pcm_key=row["pcm_key"] or None,  # see _BEING_DELETED
        warnings=tuple(row["warnings"]),
        stages=Job({stage: State(found[stage]["state"]) for stage in Stage}),
        attempts={stage: found[stage]["attempts"] for stage in Stage},
        requested_at=row["requested_at"],
        media=Media.from_json(row["media"]) if row["media"] else None,
    )
