"""The tus routes, and the headers that the protocol requires on every response."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from voicepipe_wire.web.auth import Authenticator, User

from voicepipe_upload.checksum import CHECKSUMS
from voicepipe_upload.storage.uploads import upload_not_found

from . import protocol
from .docs import APPEND, CREATE, HEAD, TERMINATE
from .handlers import TusUploads

ROOT = "/v1/uploads"
# Methods that some clients cannot send. Any other override is ignored.
OVERRIDES = frozenset({"PATCH", "HEAD", "DELETE", "OPTIONS"})


class TusMiddleware:
    """Adds `Tus-Resumable` to every response, and applies `X-HTTP-Method-Override` for clients without PATCH."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(ROOT):
            await self._app(scope, receive, send)
            return

        async def with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = protocol.VERSION
            await send(message)

        override = Headers(scope=scope).get("x-http-method-override", "").upper()
        method = override if override in OVERRIDES else scope["method"]
        # A copy: the server needs the real method, or it drops the body of a response to an overridden HEAD.
        await self._app({**scope, "method": method}, receive, with_version)


async def require_tus_version(request: Request) -> None:
    protocol.check_version(request.headers)


def router(uploads: TusUploads, authenticate: Authenticator) -> APIRouter:
    routes = APIRouter(prefix=ROOT, tags=["uploads (tus)"])
    tus_only = [Depends(require_tus_version)]

    @routes.options("", status_code=204, summary="Protocol version, extensions and limits")
    @routes.options("/{upload_id}", status_code=204, include_in_schema=False)
    async def options() -> Response:
        headers = {
            "Tus-Version": protocol.VERSION,
            "Tus-Extension": ",".join(protocol.EXTENSIONS),
            "Tus-Max-Size": str(uploads.max_bytes),
            "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
        }
        return Response(status_code=204, headers=headers)

    @routes.post("", status_code=201, summary="Create an upload", dependencies=tus_only, **CREATE)
    async def create(request: Request, owner: Annotated[User, Depends(authenticate)]) -> Response:
        """`Upload-Metadata` carries `filename`, `filetype` and the options of the transcription."""
        return Response(status_code=201, headers=await uploads.create(request, owner))

    @routes.head("/{upload_id}", summary="Get the offset of an upload", dependencies=tus_only, **HEAD)
    async def head(upload_id: str, owner: Annotated[User, Depends(authenticate)]) -> Response:
        return Response(status_code=200, headers=await uploads.head(owner, _id(upload_id)))

    @routes.patch("/{upload_id}", status_code=204, summary="Append bytes to an upload", dependencies=tus_only, **APPEND)
    async def append(upload_id: str, request: Request, owner: Annotated[User, Depends(authenticate)]) -> Response:
        """The response to the last bytes names the transcription in `Transcription-Id` and `Transcription-Location`."""
        return Response(status_code=204, headers=await uploads.append(request, owner, _id(upload_id)))

    @routes.delete("/{upload_id}", status_code=204, summary="Terminate an upload", dependencies=tus_only, **TERMINATE)
    async def terminate(upload_id: str, owner: Annotated[User, Depends(authenticate)]) -> Response:
        """A transcription that it became is kept."""
        await uploads.terminate(owner, _id(upload_id))
        return Response(status_code=204)

    return routes


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise upload_not_found() from None
