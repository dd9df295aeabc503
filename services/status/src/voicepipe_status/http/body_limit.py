"""Requests carry a few names and numbers. A longer body is refused and never held in memory.

FastAPI reads a body before it asks who sends it, so without this anybody could fill the memory.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from voicepipe_wire.errors import Problem
from voicepipe_wire.web.problems import problem_response

MAX_BODY_BYTES: Final = 16 * 1024
# Who sends a little too much is heard out, because a connection that is closed on a client takes the answer with it.
MAX_DRAINED_BYTES: Final = 1024 * 1024


class BodyLimit:
    """Plain ASGI: hands the application a whole body that is small enough, or answers 413 itself."""

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
