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
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
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
                raise ValueError(f"{origin} is not an origin: give scheme, host and port, without a path")
        return value


def allowing(settings: CorsSettings, app: ASGIApp) -> ASGIApp:
    """`app` for the pages of the allowed origins; `app` itself if there are none."""
    origins = _origins(settings.cors_origins)
    if not origins:
        return app
    return Varying(
        CORSMiddleware(
            app,
            allow_origins=sorted(origins),
            allow_methods=METHODS,
            allow_headers=[ANY],
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_KEPT_S,
        )
    )


class Varying:
    """Adds `Vary: Origin` where Starlette does not, because no origin is allowed: a cache must not give a page the response to another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "Origin" not in headers.get("vary", ""):
                    headers.add_vary_header("Origin")
            await send(message)

        await self._app(scope, receive, varying)


def _origins(value: str) -> frozenset[str]:
    """As browsers write them: in lower case, without the port that is the default."""
    written = (origin.strip().lower() for origin in value.split(","))
    return frozenset(_DEFAULT_PORT.sub(lambda match: match[1] or match[2], origin) for origin in written if origin)
