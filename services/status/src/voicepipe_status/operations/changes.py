"""Cancel, retry and delete. Each is one transaction that locks the job; what the change causes follows from the outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from voicepipe_wire.changes.cancellation import cancel as cancel_job
from voicepipe_wire.changes.deletion import delete as delete_job
from voicepipe_wire.changes.reopening import retry as retry_job
from voicepipe_wire.errors import Problem
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.messaging.outbox import Transaction

from voicepipe_status import metrics
from voicepipe_status.dependencies import Dependencies
from voicepipe_status.schema import Transcription

from .transcriptions import get

# A worker holds the lock for milliseconds; retention, while it deletes the PCM of an ended job.
LOCK_TIMEOUT_MS = 5000


@asynccontextmanager
async def changing(
    dependencies: Dependencies, owner_id: UUID, job_id: UUID, change: str
) -> AsyncIterator[tuple[Transaction, StoredJob]]:
    """A job of an owner, locked until the block ends. The change is then committed, and counted as `change`.

    Raises:
        Problem: 404 `not_found`; and whatever the block raises, which leaves the job as it was.
        Unavailable: somebody else has kept the job locked for too long.
    """
    async with dependencies.outbox.transaction() as transaction:
        await limit_wait(transaction)
        job = await jobs.lock(transaction.connection, job_id)
        if job is None or job.owner_id != owner_id:
            raise Problem.of("not_found", what="transcription")
        yield transaction, job
    metrics.CHANGES.labels(change).inc()


async def limit_wait(transaction: Transaction) -> None:
    """Let a transaction wait for a lock only so long: whoever waits holds a connection that other requests need."""
    await transaction.connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'")


async def cancel(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> Transcription:
    """Cancel a transcription.

    Raises:
        Problem: 404 `not_found`, 409 `not_cancellable`.
    """
    async with changing(dependencies, owner_id, job_id, "cancel") as (transaction, job):
        if not await cancel_job(transaction, job):
            raise Problem.of("not_cancellable", members={"state": job.state})
    return await get(dependencies, owner_id, job_id)


async def retry(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> Transcription:
    """Repeat what failed or was cancelled.

    Raises:
        Problem: 404 `not_found`, 409 `not_retryable`.
    """
    async with changing(dependencies, owner_id, job_id, "retry") as (transaction, job):
        if not await retry_job(transaction, job):
            raise Problem.of("not_retryable", members={"state": job.state})
    return await get(dependencies, owner_id, job_id)


async def delete(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> None:
    """Delete a transcription. Its objects and events follow.

    Raises:
        Problem: 404 `not_found`.
    """
    async with changing(dependencies, owner_id, job_id, "delete") as (transaction, job):
        await delete_job(transaction, job)
