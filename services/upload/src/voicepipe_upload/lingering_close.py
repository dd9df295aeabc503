"""A refusal that reaches a client which is still sending.

Most clients read the answer only when they have sent everything; a connection that is closed before resets, and takes the answer with
it. So all of a refusal but its last byte goes out at once, for clients that look; then the rest of the request is read and
thrown away; then the answer ends. A gateway in between holds its connections open for as long.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A client that stops sending has read the answer, or is gone.
CLIENT_IDLE_TIMEOUT_S = 2.0
MAX_LINGER_S = 120.0
_FIRST_ERROR_STATUS = 400


class LingeringClose:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(receive, expects_continue="100-continue" in Headers(scope=scope).get("expect", "").lower())
        status = 0

        async def lingering_send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            body = message.get("body", b"")
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if status >= _FIRST_ERROR_STATUS and body and is_last and request.is_sending:
                await send({**message, "body": body[:-1], "more_body": True})
                await request.drain()
                message = {**message, "body": body[-1:]}
            await send(message)

        await self._app(scope, request.receive, lingering_send)


class _Request:
    """`expects_continue`: the client sends nothing before it is asked to, and reading is asking."""

    def __init__(self, receive: Receive, *, expects_continue: bool) -> None:
        self._receive = receive
        self.is_sending = not expects_continue

    async def receive(self) -> Message:
        message = await self._receive()
        self.is_sending = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def drain(self) -> None:
        try:
            async with asyncio.timeout(MAX_LINGER_S):
                while self.is_sending:
                    async with asyncio.timeout(CLIENT_IDLE_TIMEOUT_S):
                        await self.receive()
        except TimeoutError:
            pass
