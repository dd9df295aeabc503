"""A whole recording in one request, as the raw body or in a form."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import parse_qsl
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from voicepipe_wire import aio
from voicepipe_wire.errors import Problem
from voicepipe_wire.storage.database import Connection
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.web import idempotency
from voicepipe_wire.web.auth import Authenticator, User
from voicepipe_wire.web.idempotency import Answer, Hold, IdempotencyKeys

from voicepipe_upload import content_disposition, file_name, request_body
from voicepipe_upload.admission import Admission
from voicepipe_upload.client_pace import Interrupted, PaceLimits
from voicepipe_upload.finalize import Accepted, Finalizer
from voicepipe_upload.media_type import declared_type
from voicepipe_upload.metrics import BYTES, UPLOADS
from voicepipe_upload.options import Options, RawOptions, read, resolve
from voicepipe_upload.schema import answer_of
from voicepipe_upload.storage.part_writer import PartWriter
from voicepipe_upload.storage.uploads import NewUpload, Uploads

from .docs import REQUEST, RESPONSES

KIND = "plain"
# Allowance for the fields and boundaries around the file of a form.
FORM_OVERHEAD_BYTES = 1024 * 1024
# Fields that Uppy adds to a form. They say again what the part of the file says.
ABOUT_THE_FILE = frozenset({"name", "type", "filename", "filetype", "relativePath"})


@dataclass(slots=True)
class _IncomingUpload:
    """The state of one request."""

    owner: User
    raw: RawOptions
    name: str | None
    media_type: str = ""
    writer: PartWriter | None = None

    def add(self, field: request_body.Field) -> None:
        """Collect an option.

        Raises:
            Problem: 400 `unknown_option`.
        """
        if field.name not in ABOUT_THE_FILE:
            self.raw.add(field.name, field.value)

    def fingerprint(self, sha256: bytes) -> bytes:
        """Of the whole request, once it is known."""
        return idempotency.fingerprint(self.name, self.media_type, self.raw.values, sha256.hex())


class PlainUploads:
    def __init__(
        self,
        store: ObjectStore,
        uploads: Uploads,
        finalizer: Finalizer,
        admission: Admission,
        keys: IdempotencyKeys,
        *,
        pace: PaceLimits,
        keep_for_s: float,
    ) -> None:
        self._store = store
        self._uploads = uploads
        self._finalizer = finalizer
        self._admission = admission
        self._keys = keys
        self._pace = pace
        self._keep_for_s = keep_for_s

    async def receive(self, request: Request, owner: User) -> Answer:
        """Turn the request into a transcription. After an error nothing of it remains."""
        key = idempotency.key_of(request.headers.get(idempotency.HEADER))
        incoming = _IncomingUpload(owner, RawOptions(), _name_in_query(request))
        incoming.raw.add_all((key, value) for key, value in request.query_params.multi_items() if key != "name")
        self._check_length(request)
        with self._admission.slot(owner.id):
            async with self._keys.held(owner.id, key, _head(request)) as hold:
                if hold.answer is not None:
                    return await self._repeat(request, incoming, hold)
                return await self._receive(request, incoming, hold)

    async def _receive(self, request: Request, incoming: _IncomingUpload, hold: Hold) -> Answer:
        try:
            async for event in self._events(request):
                await self._handle(incoming, event)
            accepted = await self._finish(incoming, hold)
        except BaseException as error:
            UPLOADS.labels(KIND, _outcome(error)).inc()
            await aio.finish(self._clean_up(incoming))
            raise
        UPLOADS.labels(KIND, "accepted" if accepted.is_new else "known").inc()
        return answer_of(accepted)

    async def _repeat(self, request: Request, incoming: _IncomingUpload, hold: Hold) -> Answer:
        """The answer of an earlier request, if this one has the same body. Nothing is stored."""
        digest = hashlib.sha256()
        async for event in self._events(request):
            match event:
                case bytes():
                    digest.update(event)
                case request_body.Field():
                    incoming.add(event)
                case request_body.FileStart():
                    _name(incoming, event)
        return hold.replay(incoming.fingerprint(digest.digest()))

    async def _events(self, request: Request) -> AsyncIterator[request_body.Event]:
        if request_body.is_form(request):
            async for event in request_body.form_events(request, self._pace):
                yield event
            return
        disposition = content_disposition.of_request(request.headers.get("content-disposition"))
        yield request_body.FileStart(disposition.file_name, request.headers.get("content-type"))
        async for block in request_body.blocks(request, self._pace):
            yield block

    async def _handle(self, incoming: _IncomingUpload, event: request_body.Event) -> None:
        match event:
            case bytes():
                await self._write(incoming, event)
            case request_body.Field():
                incoming.add(event)
            case request_body.FileStart():
                await self._start_file(incoming, event)

    async def _start_file(self, incoming: _IncomingUpload, file: request_body.FileStart) -> None:
        """Reject what can be rejected before a byte is stored. Fields after the file are not known yet."""
        name = _name(incoming, file)
        read(incoming.raw)
        resolve(Options(), await self._uploads.models())
        new = NewUpload(uuid4(), incoming.owner.id, name, incoming.media_type, {}, writer=uuid4())
        upload = await self._uploads.insert(new, self._keep_for_s)
        incoming.writer = PartWriter(self._store, self._uploads, upload, keep_for_s=self._keep_for_s)

    async def _write(self, incoming: _IncomingUpload, data: bytes) -> None:
        assert incoming.writer is not None  # noqa: S101 - bytes follow a FileStart
        self._admission.check_size(incoming.writer.offset_bytes + len(data))
        BYTES.labels(KIND).inc(len(data))
        await incoming.writer.write(data)

    async def _finish(self, incoming: _IncomingUpload, hold: Hold) -> Accepted:
        assert incoming.writer is not None  # noqa: S101 - form_events requires a file
        if incoming.writer.offset_bytes == 0:
            raise Problem.of("empty_body")
        options = read(incoming.raw)
        resolved = resolve(options, await self._uploads.models())
        upload, sha256 = await incoming.writer.finish()
        assert sha256 is not None  # noqa: S101 - this request wrote all of it

        async def record(connection: Connection, accepted: Accepted) -> None:
            await hold.complete(connection, incoming.fingerprint(sha256), answer_of(accepted), accepted.id)

        upload = replace(upload, options=resolved, fresh=options.fresh)
        return await self._finalizer.accept(upload, sha256, keep_row=False, record=record)

    async def _clean_up(self, incoming: _IncomingUpload) -> None:
        if incoming.writer is not None:
            await incoming.writer.stop()
            await self._finalizer.discard(incoming.writer.upload_id)

    def _check_length(self, request: Request) -> None:
        declared = int(request.headers.get("content-length", 0))
        self._admission.check_size(declared - FORM_OVERHEAD_BYTES if request_body.is_form(request) else declared)


def router(plain: PlainUploads, authenticate: Authenticator) -> APIRouter:
    routes = APIRouter(tags=["transcriptions"])

    @routes.post(
        "/v1/transcriptions",
        status_code=202,
        summary="Transcribe a recording",
        responses=RESPONSES,
        openapi_extra=REQUEST,
    )
    async def transcribe(request: Request, owner: Annotated[User, Depends(authenticate)]) -> JSONResponse:
        """Send a recording as the request body, or in the form field `file`.

        The body is streamed, whatever its size. On unreliable connections use `/v1/uploads` (tus) instead.
        """
        answer = await plain.receive(request, owner)
        return JSONResponse(answer.body, answer.status, answer.headers)

    return routes


def _head(request: Request) -> bytes:
    """The fingerprint of what is known before the body. Each repetition of a form has another boundary."""
    query = sorted(request.query_params.multi_items())
    return idempotency.fingerprint("POST /v1/transcriptions", query, request_body.is_form(request))


def _name(incoming: _IncomingUpload, file: request_body.FileStart) -> str:
    """Set the name and the declared type of the recording; returns the name."""
    incoming.name = file_name.safe_name(incoming.name or file.name)
    incoming.media_type = declared_type(file.media_type, incoming.name)
    return incoming.name


def _name_in_query(request: Request) -> str | None:
    """`?name=`, in whatever encoding; `query_params` would replace what is not UTF-8."""
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), encoding="latin-1"))
    return file_name.text_of(query["name"].encode("latin-1", "replace")) if "name" in query else None


def _outcome(error: BaseException) -> str:
    if isinstance(error, Interrupted):
        return "interrupted"
    return "refused" if isinstance(error, Problem) and error.status < 500 else "failed"  # noqa: PLR2004
