"""The repository of `diarizations`: the newest one of each job."""

from __future__ import annotations

from uuid import UUID

from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.storage.database import Connection
from voicepipe_wire.transcript.turns import Diarization, DiarizedBy

from .jobs import StoredJob


async def save(transaction: Transaction, job: StoredJob, diarization: Diarization, model: DiarizedBy) -> None:
    """Store the diarization of a locked job, in place of an earlier one."""
    await transaction.connection.execute(
        """
        INSERT INTO diarizations (job_id, owner_id, document, model, revision) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (job_id) DO UPDATE
        SET document = excluded.document, model = excluded.model, revision = excluded.revision, created_at = now()
        """,
        job.id,
        job.owner_id,
        diarization.to_json(),
        model.name,
        model.revision,
    )


async def load(connection: Connection, job_id: UUID) -> tuple[Diarization, DiarizedBy] | None:
    row = await connection.fetchrow("SELECT document, model, revision FROM diarizations WHERE job_id = $1", job_id)
    return (Diarization.from_json(row["document"]), DiarizedBy(row["model"], row["revision"])) if row else None


async def delete(transaction: Transaction, job: StoredJob) -> None:
    await transaction.connection.execute("DELETE FROM diarizations WHERE job_id = $1", job.id)
