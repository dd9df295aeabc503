"""The chunks of a job in PostgreSQL: planned once, recognized once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from voicepipe_wire.errors import Reject
from voicepipe_wire.jobs import jobs, stages
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Event, Stage, advance
from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.storage.database import affected
from voicepipe_wire.v1.commands_pb2 import TranscribeChunk

from .domain import ChunkPlan, Recognition, Span, Word


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """`state` is waiting, queued, done or failed; done means that `recognition` is there."""

    plan: ChunkPlan
    state: str
    recognition: Recognition | None
    error_code: str | None


async def replace_plan(transaction: Transaction, job: StoredJob, plans: Sequence[ChunkPlan]) -> None:
    """Make `plans` the chunks of the job. The same plan again changes nothing, so what is recognized stays."""
    connection = transaction.connection
    if [chunk.plan for chunk in await load_all(connection, job.id)] == list(plans):
        return
    await connection.execute("DELETE FROM chunks WHERE job_id = $1", job.id)
    await connection.executemany(
        """
        INSERT INTO chunks (job_id, owner_id, chunk_index, state, spans, speech_s, split)
        VALUES ($1, $2, $3, 'waiting', $4, $5, $6)
        """,
        [
            (
                job.id,
                job.owner_id,
                plan.index,
                [[span.start, span.end] for span in plan.spans],
                plan.speech_s,
                plan.split,
            )
            for plan in plans
        ],
    )


async def load(connection: Any, job_id: UUID, index: int) -> StoredChunk | None:
    row = await connection.fetchrow("SELECT * FROM chunks WHERE job_id = $1 AND chunk_index = $2", job_id, index)
    return _chunk(row) if row else None


async def load_all(connection: Any, job_id: UUID) -> list[StoredChunk]:
    rows = await connection.fetch("SELECT * FROM chunks WHERE job_id = $1 ORDER BY chunk_index", job_id)
    return [_chunk(row) for row in rows]


async def save_recognition(transaction: Transaction, job: StoredJob, index: int, recognition: Recognition) -> bool:
    """Keep what the model stored; False if the chunk has its words already or is no longer wanted."""
    saved = await transaction.connection.execute(
        """
        UPDATE chunks SET state = 'done', recognition = $3, finished_at = now()
        WHERE job_id = $1 AND chunk_index = $2 AND state = 'queued'
        """,
        job.id,
        index,
        asdict(recognition),
    )
    return affected(saved) > 0


async def save_failure(transaction: Transaction, job: StoredJob, index: int, code: str) -> bool:
    """Give a chunk up: it becomes a gap. False as above."""
    saved = await transaction.connection.execute(
        """
        UPDATE chunks SET state = 'failed', error_code = $3, finished_at = now()
        WHERE job_id = $1 AND chunk_index = $2 AND state = 'queued'
        """,
        job.id,
        index,
        code,
    )
    return affected(saved) > 0


async def queue_next(transaction: Transaction, job: StoredJob, window: int) -> None:
    """Queue waiting chunks, first ones first, until `window` of the job are in the queue."""
    rows = await transaction.connection.fetch(
        """
        UPDATE chunks SET state = 'queued' WHERE job_id = $1 AND chunk_index IN (
            SELECT chunk_index FROM chunks WHERE job_id = $1 AND state = 'waiting' ORDER BY chunk_index
            LIMIT greatest(0, $2 - (SELECT count(*) FROM chunks WHERE job_id = $1 AND state = 'queued'))
        ) RETURNING chunk_index
        """,
        job.id,
        window,
    )
    for index in sorted(row["chunk_index"] for row in rows):
        command(transaction, job, index)


async def requeue(transaction: Transaction, job: StoredJob) -> None:
    """Put the commands of queued chunks into the queue again; one that is still there is then done by who comes first."""
    rows = await transaction.connection.fetch(
        "SELECT chunk_index FROM chunks WHERE job_id = $1 AND state = 'queued' ORDER BY chunk_index", job.id
    )
    for row in rows:
        command(transaction, job, row["chunk_index"])


async def reopen_failed(transaction: Transaction, job: StoredJob) -> bool:
    """Let failed chunks wait again, and say whether there were any."""
    changed = await transaction.connection.execute(
        """
        UPDATE chunks SET state = 'waiting', error_code = NULL, finished_at = NULL
        WHERE job_id = $1 AND state = 'failed'
        """,
        job.id,
    )
    return affected(changed) > 0


def command(transaction: Transaction, job: StoredJob, index: int) -> None:
    message = TranscribeChunk(job_id=str(job.id), owner_id=str(job.owner_id), chunk_index=index)
    transaction.command(work_of(index), job.priority, message, job_id=job.id, owner_id=job.owner_id)


def work_of(index: int) -> str:
    return f"transcribe/{index}"


def _chunk(row: Any) -> StoredChunk:
    spans = tuple(Span(start, end) for start, end in row["spans"])
    stored = row["recognition"]
    recognition = (
        Recognition(**{**stored, "words": tuple(Word(**word) for word in stored["words"])}) if stored else None
    )
    plan = ChunkPlan(row["chunk_index"], spans, row["speech_s"], row["split"])
    return StoredChunk(plan, row["state"], recognition, row["error_code"])


async def skip(transaction: Transaction, job: StoredJob, index: int, code: str, window_chunks: int) -> None:
    """Give a chunk up: it becomes a gap, and the rest of the recording continues. Safe to repeat."""
    if not await save_failure(transaction, job, index, code):
        return
    await jobs.warn(transaction, job, "part_missing")
    await record_progress(transaction, job)
    await queue_next(transaction, job, window_chunks)
    await finish_if_complete(transaction, job)


async def record_progress(transaction: Transaction, job: StoredJob) -> tuple[float, float]:
    row = await transaction.connection.fetchrow(
        """
        SELECT coalesce(sum(speech_s) FILTER (WHERE state IN ('done', 'failed')), 0) AS done_s,
            coalesce(sum(speech_s), 0) AS total_s
        FROM chunks WHERE job_id = $1
        """,
        job.id,
    )
    await jobs.set_progress(transaction, job, Stage.TRANSCRIBE, row["done_s"], row["total_s"])
    return row["done_s"], row["total_s"]


async def finish_if_complete(transaction: Transaction, job: StoredJob) -> None:
    """End the stage with its last chunk. The job is locked, so exactly one chunk is the last."""
    counts = await transaction.connection.fetchrow(
        """
        SELECT count(*) FILTER (WHERE state IN ('waiting', 'queued')) AS unfinished,
            count(*) FILTER (WHERE state = 'done') AS done, count(*) AS planned,
            max(error_code) AS error_code
        FROM chunks WHERE job_id = $1
        """,
        job.id,
    )
    if counts["unfinished"]:
        return
    if counts["planned"] and not counts["done"]:
        failed = stages.fail(job.stages, Stage.TRANSCRIBE)
        await jobs.fail(transaction, job, failed, Reject.of("nothing_recognized"))
        return
    await jobs.save(transaction, job, advance(job.stages, Stage.TRANSCRIBE, Event.FINISH))
