"""The end of an upload: it becomes a job in one transaction, or all of it is removed.

The object is completed first, then one transaction closes the row and writes the recording, the job, its stages, the
first command and the events. A crash in between leaves a complete object and a row that names it: the next HEAD
finishes a tus upload, and expiry removes any other. Completing again finds no multipart upload, which is fine if the
object has the recorded size.

Several may finalize one upload at a time (a PATCH, and tasks that HEADs have started). `_close_upload` changes the row only if it has no
job and has not expired, so one of them creates the job and the others read its id from the row. `discard` expires the
row first, which waits for such a transaction: after that either the job exists and keeps its object, or no request can
create it any more.

A duplicate has the bytes and the options of another transcription of the same owner that is complete, or on its way to be. It
is answered with that one, and its object is removed. One transaction finds that transcription and links the upload to it, or
creates a new one:

- An advisory lock on the owner, the bytes and the options makes equal uploads that end at the same moment take turns, so the
  second one finds the job of the first.
- `FOR KEY SHARE` keeps the job that was found from being deleted before the link is committed. A deletion that came first is
  waited for, and then there is no such job.
- The key of a repeated request (`Record`) is completed in this transaction too.

A transcription that failed, was cancelled, has a gap or lost its speakers to a failure is never reused, nor is one with words of
another revision of its model than the one that is served now. The revision is not part of the hash of the options: which one a job
will use is not known before its chunks are recognized, so the chunks say it.

A response can be lost. The row of a tus upload names the job until it expires, so HEAD repeats the response. A plain
upload must be sent again, and is a duplicate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
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
from voicepipe_wire.jobs.options import options_hash
from voicepipe_wire.messaging.outbox import Outbox, Transaction
from voicepipe_wire.storage.database import Connection, Pool
from voicepipe_wire.storage.objects import ObjectMissing, ObjectStore
from voicepipe_wire.v1.events_pb2 import JobCreated

from .content_hash import ContentHashes
from .storage.uploads import Superseded, Upload, Uploads

log = structlog.get_logger(__name__)

_SET_JOB = (
    "UPDATE uploads SET job_id = id, size_bytes = offset_bytes WHERE id = $1 AND expires_at > now() AND job_id IS NULL"
)
# What a failure took from a transcription.
_DEGRADED = ["part_missing", "speakers_failed", "speakers_late"]
_DELETE_ROW = "DELETE FROM uploads WHERE id = $1 AND expires_at > now() AND job_id IS NULL"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The fields of a transcription that upload knows."""

    id: UUID
    name: str
    state: str
    created_at: datetime
    size_bytes: int
    sha256: bytes
    media_type: str
    options: Mapping[str, Any]
    # False for a duplicate: this is the transcription of the earlier upload.
    is_new: bool


# Stores what the client is answered, in the transaction that creates it.
Record = Callable[[Connection, Accepted], Awaitable[None]]


class Finalizer:
    def __init__(self, pool: Pool, store: ObjectStore, uploads: Uploads, outbox: Outbox) -> None:
        self._pool = pool
        self._store = store
        self._uploads = uploads
        self._outbox = outbox
        self._hashes = ContentHashes(store, uploads)

    async def accept(
        self,
        upload: Upload,
        sha256: bytes | None,
        *,
        keep_row: bool,
        expected_sha256: bytes | None = None,
        record: Record | None = None,
    ) -> Accepted:
        """Turn an upload whose last part is recorded into a job. Safe to repeat and to run concurrently.

        `sha256` covers all bytes; without it they are read back. `keep_row` keeps a row that names the job. An upload that has not the
        expected hash is removed.

        Raises:
            Problem: 460 `checksum_mismatch`, or what `record` raises; then there is no job.
            Superseded: the upload was terminated, or its transcription was deleted at once.
            Unavailable: the object store is unavailable.
        """
        await self._complete_object(upload)
        digest = sha256 or await self._hashes.of(upload)
        if expected_sha256 is not None and digest != expected_sha256:
            await self.discard(upload.id)
            raise Problem.of("checksum_mismatch")
        async with self._outbox.transaction() as transaction:
            job_id = await _job_of(transaction, upload, digest, keep_row=keep_row)
            accepted = await _transcription(transaction.connection, upload.owner_id, job_id, upload.id)
            if accepted is None:  # its owner deleted it at once, or the account is gone
                raise Superseded
            if record is not None:
                await record(transaction.connection, accepted)
        if not accepted.is_new:
            await self._remove_duplicate(upload, keep_row=keep_row)
        log.info("upload accepted", upload=str(upload.id), transcription=str(job_id), size_bytes=upload.offset_bytes)
        return accepted

    async def transcription(self, upload: Upload) -> Accepted | None:
        """The transcription that an upload became; None if it was deleted."""
        assert upload.job_id is not None  # noqa: S101 - the caller has seen it
        return await _transcription(self._pool, upload.owner_id, upload.job_id, upload.id)

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

    async def _remove_duplicate(self, upload: Upload, *, keep_row: bool) -> None:
        if not keep_row:
            await self.discard(upload.id)
            return
        with suppress(Unavailable, ObjectMissing):  # else removed when the row expires
            await self._remove_objects(upload)

    async def _remove_objects(self, upload: Upload) -> None:
        if upload.multipart_id is not None:
            await self._store.abort_multipart(upload.object_key, upload.multipart_id)
        await self._store.delete_under(upload.object_key)


async def _job_of(transaction: Transaction, upload: Upload, sha256: bytes, *, keep_row: bool) -> UUID:
    """The job of an upload: that of an equal one, or its own, which is created if no other request has done it.

    Raises:
        Superseded: the upload has expired or is gone.
    """
    connection, options_sha256 = transaction.connection, options_hash(upload.options)
    content = f"{upload.owner_id}/{sha256.hex()}/{options_sha256.hex()}"
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", content)
    equal_id = None if upload.fresh else await _find_equal(connection, upload.owner_id, sha256, options_sha256)
    if equal_id is None:
        job_id = await _close_upload(transaction, upload, keep_row=keep_row)
        if job_id is None:
            await _insert(transaction, upload, sha256)
        return job_id or upload.id
    return await _link(connection, upload, equal_id) if keep_row else equal_id


async def _find_equal(connection: Connection, owner_id: UUID, sha256: bytes, options_sha256: bytes) -> UUID | None:
    """A job with these bytes and options, locked against deletion: a completed one first, else one that is not finished."""
    job_id: UUID | None = await connection.fetchval(
        """
        SELECT j.id FROM recordings r JOIN jobs j ON j.recording_id = r.id
        WHERE r.owner_id = $1 AND r.sha256 = $2 AND j.options_sha256 = $3 AND j.state NOT IN ('failed', 'cancelled')
            AND NOT EXISTS (SELECT FROM jsonb_array_elements(j.warnings) each WHERE each ->> 'code' = ANY ($4))
            AND NOT EXISTS (SELECT FROM chunks c WHERE c.job_id = j.id AND c.state = 'failed')
            AND NOT EXISTS (
                SELECT FROM chunks c LEFT JOIN models m ON m.name = j.options -> 'model' ->> 'name'
                WHERE c.job_id = j.id AND c.state = 'done'
                    AND (c.transcribed_by -> 'model', c.transcribed_by -> 'revision')
                        IS DISTINCT FROM (m.description -> 'model', m.description -> 'revision'))
        ORDER BY j.finished_at DESC NULLS LAST, j.created_at DESC LIMIT 1 FOR KEY SHARE OF j
        """,
        owner_id,
        sha256,
        options_sha256,
        _DEGRADED,
    )
    return job_id


async def _link(connection: Connection, upload: Upload, job_id: UUID) -> UUID:
    """Let the row of a duplicate name the job. Returns the job that it names, which another request may have set.

    Raises:
        Superseded: the upload has expired.
    """
    linked_id: UUID | None = await connection.fetchval(
        "UPDATE uploads SET job_id = coalesce(job_id, $2) WHERE id = $1 AND expires_at > now() RETURNING job_id",
        upload.id,
        job_id,
    )
    if linked_id is None:
        raise Superseded
    return linked_id


async def _transcription(connection: Connection, owner_id: UUID, job_id: UUID, upload_id: UUID) -> Accepted | None:
    row = await connection.fetchrow(
        """
        SELECT j.id, r.name, j.state, j.created_at, r.size_bytes, r.sha256, r.media_type, j.options
        FROM jobs j JOIN recordings r ON r.id = j.recording_id WHERE j.id = $1 AND j.owner_id = $2
        """,
        job_id,
        owner_id,
    )
    return Accepted(**row, is_new=job_id == upload_id) if row else None


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
