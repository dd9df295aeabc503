"""The end of an upload: it becomes a job in one transaction, or all of it is removed.

The object is completed first, then one transaction closes the row and writes the recording, the job, its stages, the
first command and the events. A crash in between leaves a complete object and a row that names it: the next HEAD
finishes a tus upload, and expiry removes any other. Completing again finds no multipart upload, which is fine if the
object has the recorded size.

Several requests may finalize one upload at a time (a PATCH and HEADs). `_close_upload` changes the row only if it has no
job and has not expired, so one of them creates the job and the others read its id from the row. `discard` expires the
row first, which waits for such a transaction: after that either the job exists and keeps its object, or no request can
create it any more.

A duplicate has the bytes and the options of a completed transcription of the same owner. It is answered with that one
and its object is removed. Two equal uploads of which neither is complete become two jobs.

A response can be lost. The row of a tus upload names the job until it expires, so HEAD repeats the response. A plain
upload must be sent again, and is a duplicate if the first one has completed.
"""

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
from voicepipe_wire.errors import Problem, Unavailable
from voicepipe_wire.failures import tolerating_outages
from voicepipe_wire.jobs import jobs
from voicepipe_wire.messaging.outbox import Outbox, Transaction
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectMissing, ObjectStore
from voicepipe_wire.v1.events_pb2 import JobCreated

from .storage.uploads import Superseded, Upload, Uploads

log = structlog.get_logger(__name__)

_SET_JOB = (
    "UPDATE uploads SET job_id = id, size_bytes = offset_bytes WHERE id = $1 AND expires_at > now() AND job_id IS NULL"
)
_DELETE_ROW = "DELETE FROM uploads WHERE id = $1 AND expires_at > now() AND job_id IS NULL"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The fields of a transcription that upload knows."""

    id: UUID
    name: str
    state: str
    created_at: datetime
    size_bytes: int
    media_type: str
    options: Mapping[str, Any]
    # False for a duplicate: this is the transcription of the earlier upload.
    is_new: bool


class Finalizer:
    def __init__(self, pool: Pool, store: ObjectStore, uploads: Uploads, outbox: Outbox) -> None:
        self._pool = pool
        self._store = store
        self._uploads = uploads
        self._outbox = outbox

    async def accept(
        self, upload: Upload, sha256: bytes | None, *, keep_row: bool, expected_sha256: bytes | None = None
    ) -> Accepted:
        """Turn an upload whose last part is recorded into a job. Safe to repeat and to run concurrently.

        `sha256` covers all bytes; without it they are read back. `keep_row` keeps a row that names the job. An upload that has not the
        expected hash is removed.

        Raises:
            Problem: 460 `checksum_mismatch`.
            Superseded: the upload was terminated, or its transcription was deleted at once.
            Unavailable: the object store is unavailable.
        """
        await self._complete_object(upload)
        digest = sha256 or await self._hash(upload.object_key)
        if expected_sha256 is not None and digest != expected_sha256:
            await self.discard(upload.id)
            raise Problem.of("checksum_mismatch")
        job_id = await self._find_duplicate(upload, digest)
        if job_id is None:
            job_id = await self._create(upload, digest, keep_row=keep_row)
        elif keep_row:
            job_id = await self._link_to_duplicate(upload, job_id)
        else:
            await self.discard(upload.id)
        accepted = await self.transcription(upload.owner_id, job_id, is_new=job_id == upload.id)
        if accepted is None:  # its owner deleted it at once, or the account is gone
            raise Superseded
        log.info("upload accepted", upload=str(upload.id), transcription=str(job_id), size_bytes=upload.offset_bytes)
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
        """Remove an upload and its objects, but not the recording of a job. The controller finishes what fails here."""
        with tolerating_outages("upload not removed, leaving it to the controller"), suppress(ObjectMissing):
            upload = await self._uploads.expire(upload_id)
            if upload is None:
                return
            if upload.job_id != upload.id:
                await self._remove_objects(upload)
            await self._uploads.delete(upload.id)

    async def _complete_object(self, upload: Upload) -> None:
        assert upload.multipart_id is not None  # noqa: S101 - its last part is recorded
        try:
            with telemetry.span("complete object", parts=len(upload.parts)):
                await self._store.complete_multipart(upload.object_key, upload.multipart_id, upload.parts)
        except ObjectMissing:
            log.info("no multipart upload to complete", upload=str(upload.id))
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
        """Let the row of a duplicate name the earlier job, and remove its object.

        Raises:
            Superseded: the upload has expired.
        """
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
            with suppress(Unavailable, ObjectMissing):  # else removed when the row expires
                await self._remove_objects(upload)
        return linked_id

    async def _remove_objects(self, upload: Upload) -> None:
        if upload.multipart_id is not None:
            await self._store.abort_multipart(upload.object_key, upload.multipart_id)
        await self._store.delete_under(upload.object_key)


async def _close_upload(transaction: Transaction, upload: Upload, *, keep_row: bool) -> UUID | None:
    """Close the row. Returns the id of the job if another request has created it meanwhile, else None.

    Raises:
        Superseded: the upload has expired or is gone.
    """
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
