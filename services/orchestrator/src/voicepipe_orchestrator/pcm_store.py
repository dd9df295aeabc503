"""The decoded audio of a job in the object store."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from voicepipe_wire.errors import RetryLater
from voicepipe_wire.jobs import jobs
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore


def pcm_folder(owner_id: UUID, job_id: UUID) -> str:
    return f"pcm/{owner_id}/{job_id}"


async def drop_pcm(pool: Pool, store: ObjectStore, job_id: UUID) -> None:
    """Delete the decoded audio of a job that has ended. What fails here the controller does later.

    Under the lock of the job: who lets it go on at this moment finds the audio, or that there is none.
    """
    async with pool.acquire() as connection, connection.transaction():
        key = await jobs.lock_pcm_if_ended(connection, job_id)
        if key:
            with suppress(RetryLater):
                await store.delete(key)
                await jobs.clear_pcm_key(connection, job_id)
