"""The repository of `chunks`. Only one other module writes this table: `voicepipe_wire.changes.reopening`.

A chunk is waiting, then queued, then done or failed; `reopen_failed_chunks` lets failed ones wait again. Invariants:

- Every change is made under the lock of the job (`jobs.lock`), so no two handlers change the chunks of a job at once.
- A chunk is recognized once: only a queued chunk can become done or failed (`save_recognition`, `save_failure`), so of
  two workers with the same command the first to save wins, and the other gets False.
- At most a window of chunks is queued at a time (`queue_next`), so that a long recording does not fill the queue ahead
  of others.
- The stage ends with its last chunk (`finish_if_complete`): under the lock, exactly one chunk finds no other
  unfinished.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from voicepipe_wire.errors import Reject
from voicepipe_wire.jobs import jobs, stages, warnings
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Event, Stage, advance
from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.storage.database import affected
from voicepipe_wire.v1.commands_pb2 import TranscribeChunk

from .domain import ChunkPlan, Recognition, Span, Word


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """`recognition` is set if the state is done, `error_code` if it is failed."""

    plan: ChunkPlan
    state: str
    recognition: Recognition | None
    error_code: str | None
    # The model that recognized it, as it describes itself (`IDENTITY`); None if that is not known.
    transcribed_by: Mapping[str, str] | None = None


# Of the description of a model: what tells its words from those of another.
IDENTITY = ("model", "revision", "engine", "compute_type")


async def replace_plan(transaction: Transaction, job: StoredJob, plans: Sequence[ChunkPlan]) -> None:
    """Make `plans` the chunks of the job. An identical plan changes nothing, so recognized chunks keep their words."""
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


async def queued_indices(connection: Any, job_id: UUID) -> list[int]:
    rows = await connection.fetch(
        "SELECT chunk_index FROM chunks WHERE job_id = $1 AND state = 'queued' ORDER BY chunk_index", job_id
    )
    return [row["chunk_index"] for row in rows]


async def save_recognition(
    transaction: Transaction, job: StoredJob, index: int, recognition: Recognition, model: Mapping[str, Any]
) -> bool:
    """Save the result of a chunk; False if the chunk is not queued: it is finished, or no longer in the plan.

    `model` is the description of the model that recognized it.
    """
    saved = await transaction.connection.execute(
        """
        UPDATE chunks SET state = 'done', recognition = $3, transcribed_by = $4, finished_at = now()
        WHERE job_id = $1 AND chunk_index = $2 AND state = 'queued'
        """,
        job.id,
        index,
        _row(recognition),
        {name: model[name] for name in IDENTITY if name in model} or None,
    )
    return affected(saved) > 0


async def save_failure(transaction: Transaction, job: StoredJob, index: int, code: str) -> bool:
    """Mark a chunk as failed; it becomes a gap in the transcript. False as above."""
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
    """Queue waiting chunks in order, until `window` of the job are queued."""
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
    """Send the commands of all queued chunks again. A chunk that then has two commands is still recognized once."""
    for index in await queued_indices(transaction.connection, job.id):
        command(transaction, job, index)


async def skip(transaction: Transaction, job: StoredJob, index: int, code: str, window_chunks: int) -> None:
    """Mark a chunk as failed, and continue with the rest of the recording. Safe to repeat."""
    if not await save_failure(transaction, job, index, code):
        return
    await warnings.warn(transaction, job, "part_missing")
    await record_progress(transaction, job)
    await queue_next(transaction, job, window_chunks)
    await finish_if_complete(transaction, job)


async def record_progress(transaction: Transaction, job: StoredJob) -> tuple[float, float]:
    """Write the progress of the stage; returns seconds of speech done and in total."""
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
    """Finish the stage if no chunk is waiting or queued; fail the job if not a single chunk was recognized."""
    counts = await transaction.connection.fetchrow(
        """
        SELECT count(*) FILTER (WHERE state IN ('waiting', 'queued')) AS unfinished,
            count(*) FILTER (WHERE state = 'done') AS done, count(*) AS planned
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


def command(transaction: Transaction, job: StoredJob, index: int) -> None:
    """Queue the command that recognizes a chunk."""
    message = TranscribeChunk(job_id=str(job.id), owner_id=str(job.owner_id), chunk_index=index)
    queue = Queue(Stage.TRANSCRIBE, job.pool)
    transaction.command(queue, job.priority, message, job_id=job.id, owner_id=job.owner_id, work=work_of(index))


def work_of(index: int) -> str:
    """The name of the work of a chunk in the outbox."""
    return f"transcribe/{index}"


def _chunk(row: Any) -> StoredChunk:
    spans = tuple(Span(start, end) for start, end in row["spans"])
    plan = ChunkPlan(row["chunk_index"], spans, row["speech_s"], row["split"])
    recognition = _recognition(row["recognition"]) if row["recognition"] else None
    return StoredChunk(plan, row["state"], recognition, row["error_code"], row["transcribed_by"])


def _row(recognition: Recognition) -> dict[str, Any]:
    """Without `dropped` where it is None: workers of the version before would not read it."""
    return {name: value for name, value in asdict(recognition).items() if name != "dropped" or value}


def _recognition(fields: Mapping[str, Any]) -> Recognition:
    """Fields of a later version are ignored: while it is rolled out, its workers write rows that this one reads."""
    known = {name: value for name, value in fields.items() if name in Recognition.__dataclass_fields__}
    return Recognition(**{**known, "words": tuple(Word(**word) for word in fields["words"])})
