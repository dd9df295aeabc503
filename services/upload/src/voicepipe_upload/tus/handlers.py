"""tus 1.0.0 at /v1/uploads."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from email.utils import format_datetime
from typing import Any, Final
from uuid import UUID

from fastapi import Request
from voicepipe_wire import aio
from voicepipe_wire.storage.database import Connection
from voicepipe_wire.web import idempotency
from voicepipe_wire.web.auth import User
from voicepipe_wire.web.idempotency import Answer, Hold, IdempotencyKeys

from voicepipe_upload import request_body
from voicepipe_upload.client_pace import PaceLimits
from voicepipe_upload.finalize import Accepted
from voicepipe_upload.options import RawOptions
from voicepipe_upload.resumable import Resumable
from voicepipe_upload.storage.uploads import NewUpload, Upload

from . import protocol

KIND = "tus"
CREATED: Final = 201
Headers = dict[str, str]


class TusUploads:
    """Handles the requests. Each method returns the response headers; `routes` sets the status."""

    def __init__(self, uploads: Resumable, keys: IdempotencyKeys, *, pace: PaceLimits) -> None:
        self._uploads = uploads
        self._keys = keys
        self._pace = pace

    @property
    def max_bytes(self) -> int:
        return self._uploads.admission.max_bytes

    async def create(self, request: Request, owner: User) -> Headers:
        """Create an upload, with its first bytes if the request has a body."""
        headers = request.headers
        key = idempotency.key_of(headers.get(idempotency.HEADER))
        size_bytes, described = protocol.length_of_new(headers), headers.get("upload-metadata", "")
        self._uploads.admission.check_size(size_bytes)
        metadata = protocol.metadata(described)
        raw = RawOptions()
        raw.add_all(metadata.options)
        new = await self._uploads.new(
            owner, metadata.name, metadata.media_type, raw, tus_metadata=described, size_bytes=size_bytes
        )
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        head = idempotency.fingerprint("POST /v1/uploads", size_bytes, described, has_body)
        if has_body:
            with self._uploads.admission.slot(owner.id):
                async with self._keys.held(owner.id, key, head) as hold:
                    return await self._create_with_bytes(request, new, hold)
        async with self._keys.held(owner.id, key, head) as hold:
            if hold.answer is not None:
                return hold.replay(head).headers

            async def record(connection: Connection, upload: Upload) -> None:
                await hold.complete(connection, head, Answer(CREATED, _created(upload)))

            return _created(await self._uploads.insert_and(record, new))

    async def _create_with_bytes(self, request: Request, new: NewUpload, hold: Hold) -> Headers:
        protocol.check_content_type(request.headers)
        checksum = protocol.checksum(request.headers)
        self._check_declared_size(request, 0, new.size_bytes)
        blocks, digest = self._blocks(request), hashlib.sha256()
        if hold.key is not None:
            blocks = _hashed(blocks, digest)
        if hold.answer is not None:
            async for _ in blocks:
                pass
            return hold.replay(digest.digest()).headers

        async def record(connection: Connection, accepted: Accepted) -> None:
            became = replace(inserted, offset_bytes=accepted.size_bytes, job_id=accepted.id)
            await hold.complete(connection, accepted.sha256, Answer(CREATED, _created(became)), accepted.id)

        inserted = await self._uploads.insert(new)
        try:
            upload = await self._uploads.receive(inserted, blocks, checksum, record=record)
            if upload.job_id is None:
                await self._uploads.record(hold.complete, digest.digest(), Answer(CREATED, _created(upload)))
        except BaseException:
            # The client never learns the address of this upload, so it could not continue it.
            await aio.finish(self._uploads.discard(inserted.id))
            raise
        return _created(upload)

    async def append(self, request: Request, owner: User, upload_id: UUID) -> Headers:
        """Append the bytes of a PATCH. The last ones turn the upload into a job."""
        headers = request.headers
        protocol.check_content_type(headers)
        offset, length = protocol.offset(headers), protocol.length(headers)
        checksum = protocol.checksum(headers)
        upload = await self._uploads.continued(owner, upload_id, offset, length)
        self._check_declared_size(request, offset, upload.size_bytes)
        if upload.job_id is None:
            with self._uploads.admission.slot(owner.id):
                upload = await self._uploads.claim(upload)
                upload = await self._uploads.receive(upload, self._blocks(request), checksum)
        return _progress(upload)

    async def head(self, owner: User, upload_id: UUID) -> Headers:
        """The offset. A complete upload whose last request died before it created the job becomes a job soon."""
        upload = await self._uploads.find(owner, upload_id)
        self._uploads.finish_later(upload)
        headers = {"Cache-Control": "no-store", **_progress(upload)}
        if upload.size_bytes is None:
            headers["Upload-Defer-Length"] = "1"
        else:
            headers["Upload-Length"] = str(upload.size_bytes)
        if upload.tus_metadata:
            headers["Upload-Metadata"] = upload.tus_metadata
        return headers

    async def terminate(self, owner: User, upload_id: UUID) -> None:
        """Remove an upload and its objects. A transcription that it became is kept."""
        await self._uploads.terminate(owner, upload_id)

    def _blocks(self, request: Request) -> AsyncIterator[bytes]:
        return request_body.blocks(request, self._pace)

    def _check_declared_size(self, request: Request, offset: int, size_bytes: int | None) -> None:
        declared_bytes = offset + int(request.headers.get("content-length", 0))
        self._uploads.check_declared_size(declared_bytes, size_bytes)


def _created(upload: Upload) -> Headers:
    return {"Location": f"/v1/uploads/{upload.id}", **_progress(upload)}


def _progress(upload: Upload) -> Headers:
    headers = {
        "Upload-Offset": str(upload.offset_bytes),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
    }
    if upload.job_id is not None:
        headers["Transcription-Id"] = str(upload.job_id)
        headers["Transcription-Location"] = f"/v1/transcriptions/{upload.job_id}"
    return headers


async def _hashed(blocks: AsyncIterator[bytes], digest: Any) -> AsyncIterator[bytes]:
    async for block in blocks:
        digest.update(block)
        yield block
