"""The gRPC service `Uploads`.

A recording arrives as one stream of requests: a header, chunks, a trailer. The client learns the id of the upload from the initial metadata
before the first chunk is read, so it can continue wherever the stream breaks. What has arrived is kept in the same rows as tus uses.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from voicepipe_api.v1 import uploads_pb2 as api
from voicepipe_api.v1.transcription_pb2 import TranscriptionOptions
from voicepipe_wire.errors import Problem
from voicepipe_wire.rpc.call import Call
from voicepipe_wire.rpc.convert import filled, values_of
from voicepipe_wire.storage.database import Connection
from voicepipe_wire.web import idempotency
from voicepipe_wire.web.idempotency import Answer, IdempotencyKeys

from voicepipe_upload.client_pace import ClientPace, Interrupted, PaceLimits
from voicepipe_upload.finalize import Accepted
from voicepipe_upload.options import RawOptions
from voicepipe_upload.resumable import Resumable, Trailer
from voicepipe_upload.schema import answer_of
from voicepipe_upload.storage.uploads import Superseded, Upload, upload_not_found

KIND: Final = "grpc"
UPLOAD_ID: Final = "upload-id"
MAX_CHUNK_BYTES: Final = 1024 * 1024
SHA256_BYTES: Final = 32
# A client that pauses has sent what it had ready.
CLIENT_PAUSE_S: Final = 0.2
MAX_LINGER_S: Final = 2.0

Parts = AsyncIterator[api.CreateTranscriptionRequest]


class Uploads:
    """Each method has the name of a method of the service; see proto/voicepipe/api/v1/uploads.proto."""

    def __init__(self, uploads: Resumable, keys: IdempotencyKeys, *, pace: PaceLimits) -> None:
        self._uploads = uploads
        self._keys = keys
        self._pace = pace

    async def create(self, call: Call, parts: Parts) -> api.CreateTranscriptionResponse:
        try:
            return await self._create(call, parts)
        except Interrupted:
            raise  # the client sends nothing, or too slowly
        except (Problem, Superseded):
            await _linger(parts)
            raise

    async def _create(self, call: Call, parts: Parts) -> api.CreateTranscriptionResponse:
        pace = ClientPace(self._pace)
        first = await pace.wait(anext(parts, None))
        if first is None or not first.HasField("header"):
            raise Problem.of("invalid_request", reason="the first message must be a header")
        size_bytes = first.header.size_bytes if first.header.HasField("size_bytes") else None
        _check(first.header, size_bytes)
        self._uploads.admission.check_size(size_bytes)
        trailer = Trailer()
        # Before anything is stored: calls that find no slot leave nothing behind.
        with self._uploads.admission.slot(call.user.id):
            if first.header.upload_id:
                answer = await self._continue(call, first.header, _blocks(parts, pace, trailer), trailer)
            else:
                answer = await self._begin(call, first.header, _blocks(parts, pace, trailer), trailer)
        return _response(answer)

    async def _begin(
        self, call: Call, header: api.CreateHeader, blocks: AsyncIterator[bytes], trailer: Trailer
    ) -> Answer:
        key = idempotency.key_of(header.request_id or call.header(idempotency.HEADER))
        async with self._keys.held(call.user.id, key, _fingerprint(header)) as hold:
            if hold.answer is not None:
                await _send_id(call, hold.answer.headers[UPLOAD_ID])
                digest = hashlib.sha256()
                async for block in blocks:
                    digest.update(block)
                return hold.replay(digest.digest())
            upload = await self._new(call, header)
            await _send_id(call, str(upload.id))
            answers: list[Answer] = []

            async def record(connection: Connection, accepted: Accepted) -> None:
                answers.append(replace(answer_of(accepted), headers={UPLOAD_ID: str(upload.id)}))
                await hold.complete(connection, accepted.sha256, answers[-1], accepted.id)

            await self._uploads.receive(upload, blocks, trailer=trailer, record=record)
            return answers[-1]

    async def _new(self, call: Call, header: api.CreateHeader) -> Upload:
        size_bytes = header.size_bytes if header.HasField("size_bytes") else None
        raw = _raw(header.options)
        return await self._uploads.insert(
            await self._uploads.new(call.user, header.name, header.media_type, raw, size_bytes=size_bytes)
        )

    async def _continue(
        self, call: Call, header: api.CreateHeader, blocks: AsyncIterator[bytes], trailer: Trailer
    ) -> Answer:
        """Go on with an upload, with this call as its writer."""
        size_bytes = header.size_bytes if header.HasField("size_bytes") else None
        upload_id = _upload_id(header.upload_id)
        upload = await self._uploads.continued(call.user, upload_id, header.offset_bytes, size_bytes)
        if upload.job_id is None:
            upload = await self._uploads.claim(upload)
        await _send_id(call, str(upload.id))
        if upload.job_id is None:
            upload = await self._uploads.receive(upload, blocks, trailer=trailer)
        return answer_of(await self._uploads.transcription(upload))

    async def get(self, call: Call, request: api.GetUploadRequest) -> api.Upload:
        upload = await self._uploads.find(call.user, _upload_id(request.upload_id))
        self._uploads.finish_later(upload)
        expires_at = Timestamp()
        expires_at.FromDatetime(upload.expires_at)
        return api.Upload(
            upload_id=str(upload.id),
            offset_bytes=upload.offset_bytes,
            size_bytes=upload.size_bytes,
            expires_at=expires_at,
            transcription_id=None if upload.job_id is None else str(upload.job_id),
        )

    async def delete(self, call: Call, request: api.DeleteUploadRequest) -> api.DeleteUploadResponse:
        await self._uploads.terminate(call.user, _upload_id(request.upload_id))
        return api.DeleteUploadResponse()


async def _linger(parts: Parts) -> None:
    """Read what the client is sending, and discard it.

    A client in Python that is in the middle of a write when its call ends reports an internal error, not the status of the call.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(MAX_LINGER_S):
            more = True
            while more:
                async with asyncio.timeout(CLIENT_PAUSE_S):
                    more = await anext(parts, None) is not None


async def _blocks(parts: Parts, pace: ClientPace, trailer: Trailer) -> AsyncIterator[bytes]:
    """The chunks. At the end `trailer` has the hash.

    Raises:
        Interrupted: the stream ended without a trailer, or comes too slowly.
        Problem: 422 `invalid_request`.
    """
    while (part := await pace.wait(anext(parts, None))) is not None:
        pace.received(len(part.chunk))
        match part.WhichOneof("part"):
            case "chunk" if len(part.chunk) <= MAX_CHUNK_BYTES:
                yield part.chunk
            case "chunk":
                raise Problem.of("invalid_request", reason=f"chunk: at most {MAX_CHUNK_BYTES} bytes are allowed")
            case "trailer" if len(part.trailer.sha256) in {0, SHA256_BYTES}:
                trailer.sha256 = part.trailer.sha256 or None
                return
            case "trailer":
                raise Problem.of("invalid_request", reason=f"sha256: it must have {SHA256_BYTES} bytes")
            case _:
                raise Problem.of("invalid_request", reason="after the header only chunks and one trailer may come")
    reason = "The stream ended without a trailer"
    raise Interrupted.of("length_mismatch", reason=reason, next_step="Continue the upload")


def _check(header: api.CreateHeader, size_bytes: int | None) -> None:
    """Reject fields that contradict each other.

    Raises:
        Problem: 400 `empty_body`, 422 `invalid_request`.
    """
    if size_bytes == 0:
        raise Problem.of("empty_body")
    if size_bytes is not None and size_bytes < 0:
        raise Problem.of("invalid_request", reason="size_bytes: it must not be negative")
    if not header.upload_id and header.offset_bytes:
        raise Problem.of(
            "invalid_request", reason="offset_bytes: a new upload begins at 0; set upload_id to continue one"
        )
    if header.upload_id and (header.name or header.media_type or header.request_id or header.HasField("options")):
        reason = (
            "with upload_id, name, media_type, options and request_id are those of the beginning and must not be set"
        )
        raise Problem.of("invalid_request", reason=reason)


def _raw(options: TranscriptionOptions) -> RawOptions:
    """The options as the texts that REST has."""
    raw = RawOptions()
    for name, value in values_of(options).items():
        values = value if isinstance(value, list) else [value]
        raw.add_all((name, str(each).lower() if isinstance(each, bool) else str(each)) for each in values)
    return raw


def _response(answer: Answer) -> api.CreateTranscriptionResponse:
    values = {"transcription": answer.body, "existing": answer.status == HTTPStatus.OK}
    return filled(api.CreateTranscriptionResponse(), values)


def _fingerprint(header: api.CreateHeader) -> bytes:
    return idempotency.fingerprint("Uploads.Create", values_of(header) | {"request_id": ""})


async def _send_id(call: Call, upload_id: str) -> None:
    await call.context.send_initial_metadata(((UPLOAD_ID, upload_id),))


def _upload_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise upload_not_found() from None
