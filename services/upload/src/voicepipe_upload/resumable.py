"""Resumable uploads, whichever protocol they come by.

All state is in PostgreSQL and the object store, so any replica, and any protocol, can continue any upload.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from voicepipe_wire import aio
from voicepipe_wire.errors import Problem
from voicepipe_wire.storage.database import Connection
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.web.auth import User

from .admission import Admission
from .checksum import Checksum
from .client_pace import Interrupted
from .file_name import safe_name
from .finalize import Accepted, Finalizer, Record
from .media_type import declared_type
from .metrics import BYTES, UPLOADS
from .options import RawOptions, read, resolve
from .storage.part_writer import PartWriter
from .storage.uploads import NewUpload, Superseded, Upload, Uploads, upload_not_found

log = structlog.get_logger(__name__)

# What no later request can mend.
_FINAL: Final = frozenset({"not_audio", "unsupported_media_type", "empty_body"})


@dataclass(slots=True)
class Trailer:
    """The end of a recording whose blocks are followed by its hash; `sha256` may be set until they have been read."""

    sha256: bytes | None = None


class Resumable:
    """`kind` is the label of the metrics."""

    def __init__(
        self,
        kind: str,
        store: ObjectStore,
        uploads: Uploads,
        finalizer: Finalizer,
        admission: Admission,
        *,
        keep_for_s: float,
    ) -> None:
        self.admission = admission
        self._kind = kind
        self._store = store
        self._uploads = uploads
        self._finalizer = finalizer
        self._keep_for_s = keep_for_s
        self._finishing: dict[UUID, asyncio.Task[None]] = {}

    async def new(
        self, owner: User, name: str | None, media_type: str | None, raw: RawOptions, **more: Any
    ) -> NewUpload:
        """An upload that is not stored yet. Whatever can be rejected is rejected now.

        Raises:
            Problem: 422 `invalid_option`, 503 `no_model`.
        """
        shown_name, options = safe_name(name), read(raw)
        return NewUpload(
            uuid4(),
            owner.id,
            shown_name,
            declared_type(media_type, shown_name),
            resolve(options, await self._uploads.models()),
            writer=uuid4(),
            fresh=options.fresh,
            **more,
        )

    async def insert(self, new: NewUpload) -> Upload:
        return await self._uploads.insert(new, self._keep_for_s)

    async def insert_and(self, record: Callable[[Connection, Upload], Awaitable[None]], new: NewUpload) -> Upload:
        """Insert a new upload and store what its client is answered, in one transaction."""
        async with self._uploads.transaction() as connection:
            upload = await self._uploads.insert(new, self._keep_for_s, connection)
            await record(connection, upload)
        return upload

    async def find(self, owner: User, upload_id: UUID) -> Upload:
        """An upload that has not expired.

        Raises:
            Problem: 404 `not_found`, 410 `expired`.
        """
        upload = await self._uploads.find(upload_id, owner.id)
        if upload is None:
            raise upload_not_found()
        if upload.has_expired:
            raise Problem.of("expired")
        return upload

    async def continued(self, owner: User, upload_id: UUID, offset_bytes: int, size_bytes: int | None) -> Upload:
        """An upload that goes on at `offset_bytes`; `size_bytes` is its length, if the client gives it.

        Raises:
            Problem: 404 `not_found`, 410 `expired`, 409 `wrong_offset`, 400 `length_mismatch`, 413 `too_large`.
        """
        upload = await self.find(owner, upload_id)
        if offset_bytes != upload.offset_bytes:
            stored_bytes = upload.offset_bytes
            members = {"stored_bytes": stored_bytes}
            raise Problem.of("wrong_offset", members=members, stored_bytes=stored_bytes, given_bytes=offset_bytes)
        return self._with_length(upload, size_bytes)

    async def claim(self, upload: Upload) -> Upload:
        """Make this request the only writer of an upload that is no job yet.

        Raises:
            Superseded: another request was faster.
        """
        return await self._uploads.claim(upload, uuid4(), upload.size_bytes, self._keep_for_s)

    async def receive(
        self,
        upload: Upload,
        blocks: AsyncIterator[bytes],
        checksum: Checksum | None = None,
        trailer: Trailer | None = None,
        record: Record | None = None,
    ) -> Upload:
        """Append the blocks, in a slot of the caller. The last ones turn the upload into a job.

        `checksum` is of these blocks. With a `trailer` the recording ends where the blocks end; without one it ends at its announced
        length. `record` stores what the client is answered, with the job. The problems in `_FINAL`
        remove the upload; after any other error it can be continued.
        """
        writer = PartWriter(self._store, self._uploads, upload, keep_for_s=self._keep_for_s, checksum=checksum)
        try:
            await self._write(writer, blocks, upload.size_bytes)
            writer.verify()
            if trailer is not None and writer.offset_bytes == 0:
                raise Problem.of("empty_body")
            ends_here = upload.size_bytes is None and trailer is not None
            if not ends_here and writer.offset_bytes != upload.size_bytes:
                upload = await writer.save_tail()
                if trailer is not None:
                    raise _shorter_than_announced(upload)
                return upload
            upload, sha256 = await writer.finish()
        except Problem as problem:
            if problem.code in _FINAL:
                await aio.finish(self._reject(writer))
            raise
        finally:
            await writer.stop()
        return await self._accept(upload, sha256, trailer.sha256 if trailer else None, record)

    def finish_later(self, upload: Upload) -> None:
        """Turn a complete upload into a job, if the request that sent the last bytes died before it did.

        The object may have to be read back, so this goes on in a task of its own, one for each upload. A later look finds the job.
        """
        if upload.is_complete and upload.job_id is None and upload.id not in self._finishing:
            self._finishing[upload.id] = asyncio.create_task(self._finish(upload))

    async def _finish(self, upload: Upload) -> None:
        try:
            if upload.tails:
                upload = await self._uploads.claim(upload, uuid4(), None, self._keep_for_s)
                writer = PartWriter(self._store, self._uploads, upload, keep_for_s=self._keep_for_s)
                upload, _ = await writer.finish()
            await self._accept(upload, None, None)
        except Exception as error:  # noqa: BLE001 - the next look tries again
            log.warning("complete upload not finished", upload=str(upload.id), error=type(error).__name__)
        finally:
            del self._finishing[upload.id]

    async def transcription(self, upload: Upload) -> Accepted:
        """The transcription that an upload became.

        Raises:
            Superseded: it was deleted.
        """
        found = await self._finalizer.transcription(upload)
        if found is None:
            raise Superseded
        return found

    async def record(self, complete: Callable[..., Awaitable[None]], *values: Any) -> None:
        """Store what a client is answered, in a transaction of its own."""
        async with self._uploads.transaction() as connection:
            await complete(connection, *values)

    async def discard(self, upload_id: UUID) -> None:
        """Remove an upload that its client never learnt of."""
        await self._finalizer.discard(upload_id)

    async def terminate(self, owner: User, upload_id: UUID) -> None:
        """Remove an upload and its objects. A transcription that it became is kept."""
        upload = await self.find(owner, upload_id)
        await self._finalizer.discard(upload.id)
        if upload.job_id is None:
            UPLOADS.labels(self._kind, "ended").inc()

    def check_declared_size(self, declared_bytes: int, size_bytes: int | None) -> None:
        """Reject bytes that would exceed the limit or the length of the upload.

        Raises:
            Problem: 413 `too_large` or 400 `length_mismatch`.
        """
        self.admission.check_size(declared_bytes)
        if size_bytes is not None and declared_bytes > size_bytes:
            raise _longer_than_announced(size_bytes)

    async def _write(self, writer: PartWriter, blocks: AsyncIterator[bytes], size_bytes: int | None) -> None:
        try:
            async for block in blocks:
                self.check_declared_size(writer.offset_bytes + len(block), size_bytes)
                BYTES.labels(self._kind).inc(len(block))
                await writer.write(block)
        except (Interrupted, asyncio.CancelledError):
            # Bytes that arrived need not be sent again, unless they have a checksum over the whole request.
            if not writer.awaits_checksum:
                await aio.finish(writer.save_tail())
            raise

    async def _accept(
        self, upload: Upload, sha256: bytes | None, expected_sha256: bytes | None, record: Record | None = None
    ) -> Upload:
        accepted = await self._finalizer.accept(
            upload, sha256, keep_row=True, expected_sha256=expected_sha256, record=record
        )
        UPLOADS.labels(self._kind, "accepted" if accepted.is_new else "known").inc()
        return replace(upload, job_id=accepted.id)

    async def _reject(self, writer: PartWriter) -> None:
        await writer.stop()
        await self._finalizer.discard(writer.upload_id)
        UPLOADS.labels(self._kind, "refused").inc()

    def _with_length(self, upload: Upload, length: int | None) -> Upload:
        if length is None:
            return upload
        self.admission.check_size(length)
        if upload.size_bytes not in {None, length} or length < upload.offset_bytes:
            reason = f"The length {length} contradicts an earlier one, or is less than the bytes already stored"
            raise Problem.of("length_mismatch", reason=reason, next_step="Start a new upload")
        return replace(upload, size_bytes=length)


def _longer_than_announced(size_bytes: int) -> Problem:
    reason = f"More than the announced {size_bytes} bytes were sent"
    return Problem.of("length_mismatch", reason=reason, next_step="Request the offset of the upload and continue there")


def _shorter_than_announced(upload: Upload) -> Problem:
    reason = f"Only {upload.offset_bytes} of the announced {upload.size_bytes} bytes were sent"
    return Problem.of("length_mismatch", reason=reason, next_step="Continue the upload")
