"""Deletes a job: its rows at once, its objects and messages afterwards. The repository of `deletions`.

Invariants:

- The rows go in one transaction, which leaves a row in `deletions` with all that is stored elsewhere. From its commit on no request finds the job.
- The row stays until everything that it names is gone, however often that fails, and a row that fails delays no other (`failed` postpones it).
- What a row names belongs to this job alone: the ids of jobs are never used again.

Races:

- A worker still works on the job: it finds no job when it saves (`claim.lock_if_running`), and discards the result. What it has published or stored
  by then is why a row is worked off once more after `SETTLED_AFTER_S`.
- Two controllers work off the same row: deleting what is gone succeeds.
- The stream WORK was recreated and counts from 1 again: a command is dropped only if it has the id that the row names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.messaging import outbox
from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.storage.database import Connection
from voicepipe_wire.transcript.pcm_format import pcm_prefix
from voicepipe_wire.v1.events_pb2 import JobDeleted

# A handler that was saving when the job was deleted has ended by then.
SETTLED_AFTER_S: Final = 60
MAX_DELAY_S: Final = 600


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is left of a deleted job: objects under `prefixes`, events, and `commands`, by id and stream sequence."""

    job_id: UUID
    owner_id: UUID
    prefixes: Sequence[str]
    commands: Mapping[str, int]


async def delete(transaction: Transaction, job: StoredJob) -> None:
    """Delete a locked job with its recording, transcripts and events, whatever its state."""
    connection = transaction.connection
    object_key = await connection.fetchval("SELECT object_key FROM recordings WHERE id = $1", job.recording_id)
    await connection.execute(
        """
        INSERT INTO deletions (job_id, owner_id, prefixes, commands) SELECT $1::uuid, $2::uuid, $3::text[], coalesce(
            (SELECT jsonb_object_agg(id, stream_seq) FROM outbox WHERE job_id = $1 AND stream_seq IS NOT NULL), '{}')
        """,
        job.id,
        job.owner_id,
        [object_key, pcm_prefix(job.owner_id, job.id)],
    )
    await jobs.delete(transaction, job.id)
    await connection.execute("DELETE FROM recordings WHERE id = $1", job.recording_id)
    # Delete the job's own upload. Another upload of the same bytes has a copy of them, which retention deletes.
    await connection.execute("DELETE FROM uploads WHERE id = $1", job.id)
    await connection.execute("UPDATE uploads SET expires_at = now() WHERE job_id = $1", job.id)
    await outbox.delete_messages(connection, job.id)
    transaction.event(job, JobDeleted(job_id=str(job.id)))


async def due(connection: Connection, limit: int) -> list[Deletion]:
    """Deletions whose time has come, those that wait longest first."""
    rows = await connection.fetch(
        "SELECT job_id, owner_id, prefixes, commands FROM deletions WHERE due_at <= now() ORDER BY due_at LIMIT $1",
        limit,
    )
    return [Deletion(**row) for row in rows]


async def done(connection: Connection, deletion: Deletion) -> None:
    """Everything that was there is gone: forget the row, or look once more when no worker can add to it."""
    await connection.execute(
        "DELETE FROM deletions WHERE job_id = $1 AND created_at <= now() - make_interval(secs => $2)",
        deletion.job_id,
        SETTLED_AFTER_S,
    )
    await connection.execute(
        "UPDATE deletions SET due_at = created_at + make_interval(secs => $2), failures = 0 WHERE job_id = $1",
        deletion.job_id,
        SETTLED_AFTER_S,
    )


async def failed(connection: Connection, deletion: Deletion) -> None:
    """Something could not be deleted: try again, later each time."""
    await connection.execute(
        """
        UPDATE deletions SET failures = failures + 1,
            due_at = now() + make_interval(secs => least($2, 2 ^ least(failures, 20)))
        WHERE job_id = $1
        """,
        deletion.job_id,
        MAX_DELAY_S,
    )


async def count_failing(connection: Connection) -> int:
    """The number of deletions whose last try failed."""
    count: int = await connection.fetchval("SELECT count(*) FROM deletions WHERE failures > 0")
    return count
