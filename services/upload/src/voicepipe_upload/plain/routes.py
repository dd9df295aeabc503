"""A whole recording in one request, as the raw body or in a form."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from voicepipe_wire import aio
from voicepipe_wire.errors import Problem
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.web.auth import Authenticator, User

from voicepipe_upload import file_name, request_body
from voicepipe_upload.admission import Admission
from voicepipe_upload.finalize import Accepted, Finalizer
from voicepipe_upload.metrics import BYTES, UPLOADS
from voicepipe_upload.options import Options, RawOptions, read, resolve
from voicepipe_upload.schema import transcription_response
from voicepipe_upload.storage.part_writer import PartWriter
from voicepipe_upload.storage.uploads import NewUpload, Uploads

from .docs import REQUEST, RESPONSES

KIND = "plain"
# Allowance for the fields and boundaries around the file of a form.
FORM_OVERHEAD_BYTES = 1024 * 1024


@dataclass(slots=True)
class _IncomingUpload:
    """The state of one request."""

    owner: User
    raw: RawOptions
    name: str | None
    writer: PartWriter | None = None
    options: dict[str, Any] = field(default_factory=dict)


class PlainUploads:
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

    async def receive(self, request: Request, owner: User) -> Accepted:
        """Turn the request into a transcription. After an error nothing of it remains."""
        name = request.query_params.get("name")
        incoming = _IncomingUpload(owner, RawOptions(), name)
        incoming.raw.add_all((key, value) for key, value in request.query_params.multi_items() if key != "name")
        self._check_length(request)
        with self._admission.slot():
            try:
                async for event in self._events(request):
                    await self._handle(incoming, event)
                accepted = await self._finish(incoming)
            except BaseException as error:
                UPLOADS.labels(KIND, _outcome(error)).inc()
                await aio.finish(self._clean_up(incoming))
                raise
        UPLOADS.labels(KIND, "accepted" if accepted.is_new else "known").inc()
        return accepted

    async def _events(self, request: Request) -> AsyncIterator[request_body.Event]:
        if request_body.is_form(request):
            async for event in request_body.form_events(request, self._client_idle_timeout_s):
                yield event
            return
        name = file_name.name_in_disposition(request.headers.get("content-disposition"))
        yield request_body.FileStart(name, request.headers.get("content-type"))
        async for block in request_body.blocks(request, self._client_idle_timeout_s):
            yield block

    async def _handle(self, incoming: _IncomingUpload, event: request_body.Event) -> None:
        match event:
            case bytes():
                await self._write(incoming, event)
            case request_body.Field():
                incoming.raw.add(event.name, event.value)
            case request_body.FileStart():
                await self._start_file(incoming, event)

    async def _start_file(self, incoming: _IncomingUpload, file: request_body.FileStart) -> None:
        """Reject what can be rejected before a byte is stored. Fields after the file are not known yet."""
        name = file_name.safe_name(incoming.name or file.name)
        media_type = file_name.media_type(file.media_type, name)
        read(incoming.raw)
        resolve(Options(), await self._uploads.models())
        new = NewUpload(uuid4(), incoming.owner.id, name, media_type, {}, writer=uuid4())
        upload = await self._uploads.insert(new, self._keep_for_s)
        incoming.writer = PartWriter(self._store, self._uploads, upload, keep_for_s=self._keep_for_s)

    async def _write(self, incoming: _IncomingUpload, data: bytes) -> None:
        assert incoming.writer is not None  # noqa: S101 - bytes follow a FileStart
        self._admission.check_size(incoming.writer.offset_bytes + len(data))
        BYTES.labels(KIND).inc(len(data))
        await incoming.writer.write(data)

    async def _finish(self, incoming: _IncomingUpload) -> Accepted:
        assert incoming.writer is not None  # noqa: S101 - form_events requires a file
        if incoming.writer.offset_bytes == 0:
            raise Problem.of("empty_body")
        options = resolve(read(incoming.raw), await self._uploads.models())
        upload, sha256 = await incoming.writer.finish()
        return await self._finalizer.accept(replace(upload, options=options), sha256, keep_row=False)

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
        return transcription_response(await plain.receive(request, owner))

    return routes


def _outcome(error: BaseException) -> str:
    if isinstance(error, request_body.Interrupted):
        return "interrupted"
    return "refused" if isinstance(error, Problem) and error.status < 500 else "failed"  # noqa: PLR2004
