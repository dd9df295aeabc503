"""Limits the size of request bodies, which carry a few names and numbers.

FastAPI reads the body before it authenticates the client, so without a limit anyone could exhaust the memory.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from voicepipe_wire.errors import Problem
from voicepipe_wire.web.problems import problem_response

MAX_BODY_BYTES: Final = 16 * 1024
# A body up to this size is read and discarded: closing the connection on a client that still sends loses the response.
MAX_DRAINED_BYTES: Final = 1024 * 1024


class BodyLimit:
    """ASGI middleware: passes a complete small body to the application, or responds with 413."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"POST", "PATCH", "PUT"}:
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        size_bytes = 0
        while not messages or messages[-1].get("more_body"):
            message = await receive()
            size_bytes += len(message.get("body", b""))
            if size_bytes > MAX_BODY_BYTES:
                messages.clear()
            messages.append(message)
            if size_bytes > MAX_DRAINED_BYTES:
                break
        if size_bytes > MAX_BODY_BYTES:
            await problem_response(Problem.of("body_too_large", limit_kib=MAX_BODY_BYTES // 1024))(scope, receive, send)
            return
        received = iter(messages)

        async def replay() -> Message:
            return next(received, None) or await receive()

        await self._app(scope, replay, send)
