"""The end of an upload: its object is put together, and in one transaction it becomes a job; or everything of it goes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from voicepipe_wire import telemetry
from voicepipe_wire.errors import RetryLater
from voicepipe_wire.jobs import jobs
from voicepipe_wire.messaging.outbox import Outbox, Transaction
from voicepipe_wire.storage.database import TRANSIENT_ERRORS, Pool
from voicepipe_wire.storage.objects import ObjectMissing, ObjectStore
from voicepipe_wire.v1.events_pb2 import JobCreated

from .storage.uploads import Superseded, Upload, Uploads

log = structlog.get_logger(__name__)

TRANSIENT: tuple[type[Exception], ...] = (RetryLater, ObjectMissing, *TRANSIENT_ERRORS)
_SET_JOB = "UPDATE uploads SET job_id = id WHERE id = $1 AND expires_at > now() AND job_id IS NULL"
_DELETE_ROW = "DELETE FROM uploads WHERE id = $1 AND expires_at > now() AND job_id IS NULL"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A transcription, as far as upload knows it."""

    id: UUID
    name: str
    state: str
    created_at: datetime
    size_bytes: int
    media_type: str
    options: Mapping[str, Any]
    # False: the same owner sent the same bytes with the same options before, and this is what came of it.
    is_new: bool


class Finalizer:
    def __init__(self, pool: Pool, store: ObjectStore, uploads: Uploads, outbox: Outbox) -> None:
        self._pool = pool
        self._store = store
        self._uploads = uploads
        self._outbox = outbox

    async def accept(self, upload: Upload, sha256: bytes | None, *, keep_row: bool) -> Accepted:
        """Make a job of an upload whose last part is recorded. Safe to repeat, and beside others that do the same.

        `sha256` is of all its bytes; without it they are read back. `keep_row` leaves a row that names the job.
        Raises Superseded when the upload was given up, RetryLater when the object store is away.
        """
        await self._complete_object(upload)
        digest = sha256 or await self._hash(upload.object_key)
        job_id = await self._find_duplicate(upload, digest)
        if job_id is None:
            job_id = await self._create(upload, digest, keep_row=keep_row)
        elif keep_row:
            job_id = await self._link_to_duplicate(upload, job_id)
        else:
            await self.discard(upload.id)
        accepted = await self.transcription(upload.owner_id, job_id, is_new=job_id == upload.id)
        if accepted is None:  # deleted at once by its owner, or with the account
            raise Superseded
        log.info("accepted", upload=str(upload.id), transcription=str(job_id), size_bytes=upload.offset_bytes)
        return accepted

    async def transcription(self, owner_id: UUID, job_id: UUID, *, is_new: bool) -> Accepted | None:
        row = await self._pool.fetchrow(
            """
            SELECT j.id, r.name, j.state, j.created_at, r.size_bytes, r.media_type, j.options
            FROM jobs j JOIN recordings r ON r.id = j.recording_id WHERE j.id = $1 AND j.owner_id = $2
            """,
            job_id,
            owner_id,
        )
        return Accepted(**row, is_new=is_new) if row else None

    async def discard(self, upload_id: UUID) -> None:
        """Remove all that an upload left, but not the recording of a job. What fails now, the controller does later."""
        try:
            upload = await self._uploads.expire(upload_id)
            if upload is None:
                return
            if upload.job_id != upload.id:
                await self._remove_objects(upload)
            await self._uploads.delete(upload.id)
        except TRANSIENT as error:
            log.warning("an upload is left to the controller", upload=str(upload_id), error=type(error).__name__)

    async def _complete_object(self, upload: Upload) -> None:
        assert upload.multipart_id is not None  # noqa: S101 - its last part is recorded
        try:
            with telemetry.span("complete object", parts=len(upload.parts)):
                await self._store.complete_multipart(upload.object_key, upload.multipart_id, upload.parts)
        except ObjectMissing:
            log.info("the object was complete, or is gone", upload=str(upload.id))
        try:
            size_bytes = await self._store.size_bytes(upload.object_key)
        except ObjectMissing:
            raise Superseded from None
        if size_bytes != upload.offset_bytes:
            raise RuntimeError(f"the object has {size_bytes} bytes, {upload.offset_bytes} were stored")

    async def _hash(self, key: str) -> bytes:
        digest = hashlib.sha256()
        with telemetry.span("hash object"):
            async with self._store.open(key) as blocks:
                async for block in blocks:
                    await asyncio.to_thread(digest.update, block)
        return digest.digest()

    async def _find_duplicate(self, upload: Upload, sha256: bytes) -> UUID | None:
        job_id: UUID | None = await self._pool.fetchval(
            """
            SELECT j.id FROM recordings r JOIN jobs j ON j.recording_id = r.id
            WHERE r.owner_id = $1 AND r.sha256 = $2 AND j.options_sha256 = $3 AND j.state = 'completed'
                AND EXISTS (SELECT FROM transcripts t WHERE t.job_id = j.id)
            ORDER BY j.finished_at DESC LIMIT 1
            """,
            upload.owner_id,
            sha256,
            jobs.options_hash(upload.options),
        )
        return job_id

    async def _create(self, upload: Upload, sha256: bytes, *, keep_row: bool) -> UUID:
        async with self._outbox.transaction() as transaction:
            job_id = await _close_upload(transaction, upload, keep_row=keep_row)
            if job_id is None:
                await _insert(transaction, upload, sha256)
        return job_id or upload.id

    async def _link_to_duplicate(self, upload: Upload, job_id: UUID) -> UUID:
        """The upload was nothing new: its row names the job that there is, its object goes."""
        row = await self._pool.fetchrow(
            """
            UPDATE uploads SET job_id = coalesce(job_id, $2) WHERE id = $1 AND expires_at > now() RETURNING job_id
            """,
            upload.id,
            job_id,
        )
        if row is None:
            raise Superseded
        linked_id: UUID = row["job_id"]
        if linked_id != upload.id:
            with suppress(RetryLater, ObjectMissing):  # or with the row, when it expires
                await self._remove_objects(upload)
        return linked_id

    async def _remove_objects(self, upload: Upload) -> None:
        if upload.multipart_id is not None:
            await self._store.abort_multipart(upload.object_key, upload.multipart_id)
        await self._store.delete_under(upload.object_key)


async def _close_upload(transaction: Transaction, upload: Upload, *, keep_row: bool) -> UUID | None:
    """Take the row out of the uploads that go on. The job's id if another request made one of it meanwhile."""
    query = _SET_JOB if keep_row else _DELETE_ROW
    command_tag: str = await transaction.connection.execute(query, upload.id)
    if not command_tag.endswith(" 0"):
        return None
    job_id: UUID | None = await transaction.connection.fetchval("SELECT job_id FROM uploads WHERE id = $1", upload.id)
    if job_id is None:
        raise Superseded
    return job_id


async def _insert(transaction: Transaction, upload: Upload, sha256: bytes) -> None:
    await transaction.connection.execute(
        """
        INSERT INTO recordings (id, owner_id, name, media_type, size_bytes, sha256, object_key)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        upload.id,
        upload.owner_id,
        upload.name,
        upload.media_type,
        upload.offset_bytes,
        sha256,
        upload.object_key,
    )
    created = JobCreated(job_id=str(upload.id), name=upload.name, size_bytes=upload.offset_bytes)
    transaction.event(upload, created)
    priority = upload.options["priority"]
    await jobs.create(transaction, jobs.NewJob(upload.id, upload.owner_id, upload.id, priority, upload.options))
