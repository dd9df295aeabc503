"""Lets pages of other origins call an HTTP service from a browser (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol).

It is the outermost ASGI app of upload and status, and the only place that writes these headers: every response carries them, an error that
is answered early and `starting` too, or a page could not read why it was refused. A gateway must not add them again.

A preflight is answered here, without a key: browsers send none. The response allows whatever headers the page wants to send, because a key is
always given by the page itself. Credentials of the browser (cookies) are never allowed; nothing here reads them.
"""

from __future__ import annotations

import re
from typing import Final

from pydantic import field_validator
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicepipe_wire.settings import FromEnvironment

ANY: Final = "*"
METHODS: Final = ("GET", "HEAD", "POST", "PATCH", "DELETE")
# What a page may read of a response, in addition to what every page may.
EXPOSED: Final = (
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "Allow",
    "Idempotency-Replayed",
    "ETag",
    "Content-Disposition",
    "Content-Range",
    "Accept-Ranges",
    "Tus-Resumable",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Checksum-Algorithm",
    "Upload-Offset",
    "Upload-Length",
    "Upload-Defer-Length",
    "Upload-Metadata",
    "Upload-Expires",
    "Transcription-Id",
    "Transcription-Location",
)
# Chromium keeps the answer to a preflight for at most two hours.
PREFLIGHT_KEPT_S: Final = 7200
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?|null")
_DEFAULT_PORT: Final = re.compile(r"(?<=^http:)(//.*):80$|(?<=^https:)(//.*):443$")


class CorsSettings(FromEnvironment):
    # Origins of pages that may call the API from a browser, separated by commas, such as https://app.example.org; `*` is any. None by default.
    cors_origins: str = ""

    @field_validator("cors_origins")
    @classmethod
    def _each_is_an_origin(cls, value: str) -> str:
        for origin in _origins(value):
            if origin != ANY and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin} is no origin: scheme, host and port, without a path")
        return value


def allowing(settings: CorsSettings, app: ASGIApp) -> ASGIApp:
    """`app` for the pages of the allowed origins; `app` itself if there are none."""
    origins = _origins(settings.cors_origins)
    return Cors(app, origins) if origins else app


class Cors:
    """ASGI middleware. Requests of other origins, and those that are not of a page, pass unchanged."""

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        allowed = self._allowed(headers.get("origin"))

        async def with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                response = MutableHeaders(scope=message)
                # Also where no origin is allowed: a cache must not give a page the response to another.
                response.add_vary_header("Origin")
                if allowed is not None:
                    response["Access-Control-Allow-Origin"] = allowed
                    response["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)
            await send(message)

        is_preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        if allowed is not None and is_preflight:
            await _preflight(headers)(scope, receive, with_origin)
        else:
            await self._app(scope, receive, with_origin)

    def _allowed(self, origin: str | None) -> str | None:
        if origin is None:
            return None
        if ANY in self._origins:
            return ANY
        return origin if origin in self._origins else None


def _preflight(request: Headers) -> Response:
    response = Response(status_code=204)
    response.headers["Access-Control-Allow-Methods"] = ", ".join(METHODS)
    response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_KEPT_S)
    response.headers["Vary"] = "Access-Control-Request-Headers"
    if wanted := request.get("access-control-request-headers"):
        response.headers["Access-Control-Allow-Headers"] = wanted
    return response


def _origins(value: str) -> frozenset[str]:
    """As browsers write them: in lower case, without the port that is the default."""
    written = (origin.strip().lower() for origin in value.split(","))
    return frozenset(_DEFAULT_PORT.sub(lambda match: match[1] or match[2], origin) for origin in written if origin)
