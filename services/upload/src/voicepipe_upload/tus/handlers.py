"""tus 1.0.0 at /v1/uploads. All state is in PostgreSQL and the object store, so any replica can continue any upload."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from email.utils import format_datetime
from uuid import UUID, uuid4

from fastapi import Request
from voicepipe_wire import aio
from voicepipe_wire.errors import Problem
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.web.auth import User

from voicepipe_upload import file_name, request_body
from voicepipe_upload.admission import Admission
from voicepipe_upload.checksum import Checksum
from voicepipe_upload.finalize import Accepted, Finalizer
from voicepipe_upload.metrics import BYTES, UPLOADS
from voicepipe_upload.options import RawOptions, read, resolve
from voicepipe_upload.storage.part_writer import PartWriter
from voicepipe_upload.storage.uploads import NewUpload, Upload, Uploads, upload_not_found

from . import protocol

KIND = "tus"
Headers = dict[str, str]


class TusUploads:
    """Handles the requests. Each method returns the response headers; `routes` sets the status."""

    def __init__(
        self,
        store: ObjectStore,
        uploads: Uploads,
        finalizer: Finalizer,
        admission: Admission,
        *,
        client_idle_timeout_s: float,
        keep_for_s: float,
    ) -> None:
        self._store = store
        self._uploads = uploads
        self._finalizer = finalizer
        self._admission = admission
        self._client_idle_timeout_s = client_idle_timeout_s
        self._keep_for_s = keep_for_s

    @property
    def max_bytes(self) -> int:
        return self._admission.max_bytes

    async def create(self, request: Request, owner: User) -> Headers:
        """Create an upload, with its first bytes if the request has a body."""
        headers = request.headers
        size_bytes = protocol.length_of_new(headers)
        self._admission.check_size(size_bytes)
        metadata = protocol.metadata(headers.get("upload-metadata", ""))
        name = file_name.safe_name(metadata.name)
        media_type = file_name.media_type(metadata.media_type, name)
        raw = RawOptions()
        raw.add_all(metadata.options)
        options = resolve(read(raw), await self._uploads.models())
        tus_metadata = headers.get("upload-metadata", "")
        new = NewUpload(uuid4(), owner.id, name, media_type, options, tus_metadata, size_bytes, writer=uuid4())
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            upload = await self._uploads.insert(new, self._keep_for_s)
        else:
            upload = await self._create_with_bytes(request, new)
        return {"Location": f"/v1/uploads/{upload.id}", **await self._progress(upload)}

    async def _create_with_bytes(self, request: Request, new: NewUpload) -> Upload:
        protocol.check_content_type(request.headers)
        checksum = protocol.checksum(request.headers)
        self._check_declared_size(request, 0, new.size_bytes)
        upload = await self._uploads.insert(new, self._keep_for_s)
        try:
            return await self._receive(request, upload, checksum)
        except BaseException:
            # The client never learns the address of this upload, so it could not continue it.
            await aio.finish(self._finalizer.discard(upload.id))
            raise

    async def append(self, request: Request, owner: User, upload_id: UUID) -> Headers:
        """Append the bytes of a PATCH. The last ones turn the upload into a job."""
        headers = request.headers
        protocol.check_content_type(headers)
        offset, length = protocol.offset(headers), protocol.length(headers)
        checksum = protocol.checksum(headers)
        upload = await self._find(owner, upload_id)
        if offset != upload.offset_bytes:
            raise Problem.of("wrong_offset", stored_bytes=upload.offset_bytes, given_bytes=offset)
        upload = self._with_length(upload, length)
        self._check_declared_size(request, offset, upload.size_bytes)
        if upload.job_id is None:
            upload = await self._uploads.claim(upload, uuid4(), upload.size_bytes, self._keep_for_s)
            upload = await self._receive(request, upload, checksum)
        return await self._progress(upload)

    async def head(self, owner: User, upload_id: UUID) -> Headers:
        """The offset. A complete upload whose last request died before it created the job becomes a job now."""
        upload = await self._find(owner, upload_id)
        headers = {"Cache-Control": "no-store", **await self._progress(upload)}
        if upload.size_bytes is None:
            headers["Upload-Defer-Length"] = "1"
        else:
            headers["Upload-Length"] = str(upload.size_bytes)
        if upload.tus_metadata:
            headers["Upload-Metadata"] = upload.tus_metadata
        return headers

    async def terminate(self, owner: User, upload_id: UUID) -> None:
        """Remove an upload and its objects. A transcription that it became is kept."""
        upload = await self._find(owner, upload_id)
        await self._finalizer.discard(upload.id)
        if upload.job_id is None:
            UPLOADS.labels(KIND, "ended").inc()

    async def _find(self, owner: User, upload_id: UUID) -> Upload:
        upload = await self._uploads.find(upload_id, owner.id)
        if upload is None:
            raise upload_not_found()
        if upload.has_expired:
            raise Problem.of("expired")
        return upload

    def _with_length(self, upload: Upload, length: int | None) -> Upload:
        if length is None:
            return upload
        self._admission.check_size(length)
        if upload.size_bytes not in {None, length} or length < upload.offset_bytes:
            reason = f"Upload-Length {length} contradicts an earlier one, or is less than the bytes already stored"
            raise Problem.of("length_mismatch", reason=reason, next_step="Start a new upload")
        return replace(upload, size_bytes=length)

    async def _receive(self, request: Request, upload: Upload, checksum: Checksum | None) -> Upload:
        """Append the body. `not_audio` removes the upload; after any other error it can be continued."""
        with self._admission.slot():
            writer = PartWriter(self._store, self._uploads, upload, keep_for_s=self._keep_for_s, checksum=checksum)
            try:
                await writer.resume()
                await self._write(request, writer, upload.size_bytes)
                writer.verify()
                if writer.offset_bytes != upload.size_bytes:
                    return await writer.save_tail()
                upload, sha256 = await writer.finish()
            except Problem as problem:
                if problem.code == "not_audio":
                    await aio.finish(self._reject(writer))
                raise
            finally:
                await writer.stop()
        accepted = await self._finalizer.accept(upload, sha256, keep_row=True)
        return self._with_job(upload, accepted)

    async def _write(self, request: Request, writer: PartWriter, size_bytes: int | None) -> None:
        try:
            async for block in request_body.blocks(request, self._client_idle_timeout_s):
                arrived = writer.offset_bytes + len(block)
                self._admission.check_size(arrived)
                if size_bytes is not None and arrived > size_bytes:
                    raise _longer_than_announced(size_bytes)
                BYTES.labels(KIND).inc(len(block))
                await writer.write(block)
        except (request_body.Interrupted, asyncio.CancelledError):
            # Bytes that arrived need not be sent again, unless they have a checksum over the whole request.
            if not writer.awaits_checksum:
                await aio.finish(writer.save_tail())
            raise

    async def _reject(self, writer: PartWriter) -> None:
        await writer.stop()
        await self._finalizer.discard(writer.upload_id)
        UPLOADS.labels(KIND, "refused").inc()

    def _with_job(self, upload: Upload, accepted: Accepted) -> Upload:
        UPLOADS.labels(KIND, "accepted" if accepted.is_new else "known").inc()
        return replace(upload, job_id=accepted.id)

    async def _progress(self, upload: Upload) -> Headers:
        if upload.is_complete and upload.job_id is None:
            upload = await self._finish_interrupted(upload)
        headers = {
            "Upload-Offset": str(upload.offset_bytes),
            "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
        }
        if upload.job_id is not None:
            headers["Transcription-Id"] = str(upload.job_id)
            headers["Transcription-Location"] = f"/v1/transcriptions/{upload.job_id}"
        return headers

    async def _finish_interrupted(self, upload: Upload) -> Upload:
        """Turn a complete upload into a job: the request that sent the last bytes died before it did."""
        if upload.tail_key is not None:
            upload = await self._uploads.claim(upload, uuid4(), None, self._keep_for_s)
            writer = PartWriter(self._store, self._uploads, upload, keep_for_s=self._keep_for_s)
            await writer.resume()
            upload, _ = await writer.finish()
        return self._with_job(upload, await self._finalizer.accept(upload, None, keep_row=True))

    def _check_declared_size(self, request: Request, offset: int, size_bytes: int | None) -> None:
        """Reject a request whose Content-Length would exceed the limit or the length of the upload.

        Raises:
            Problem: 413 `too_large` or 400 `length_mismatch`.
        """
        declared_bytes = offset + int(request.headers.get("content-length", 0))
        self._admission.check_size(declared_bytes)
        if size_bytes is not None and declared_bytes > size_bytes:
            raise _longer_than_announced(size_bytes)


def _longer_than_announced(size_bytes: int) -> Problem:
    reason = f"More than the announced {size_bytes} bytes were sent"
    return Problem.of("length_mismatch", reason=reason, next_step="Request the offset with HEAD and continue there")
