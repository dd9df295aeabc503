"""Delivers an error response to a client that is still sending: what nginx calls lingering close (RFC 9112, 9.6).

Most clients read the response after they have sent everything. If the connection closes before that, TCP resets it and
the response is lost. So all of an error response but its last byte is sent at once, for clients that read early; then
the rest of the request is read and discarded; then the response ends. A gateway in between keeps its connections open
until then.

`CLIENT_IDLE_TIMEOUT_S` and `MAX_LINGER_S` bound the discarding. A client that waits for `100 Continue` is sending
nothing, so its response ends at once.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A client that stops sending has read the response, or is gone.
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
    """A request and whether its body is still arriving. With `Expect: 100-continue` nothing arrives before the first read."""

    def __init__(self, receive: Receive, *, expects_continue: bool) -> None:
        self._receive = receive
        self.is_sending = not expects_continue

    async def receive(self) -> Message:
        message = await self._receive()
        self.is_sending = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read and discard the rest of the body, within the limits."""
        try:
            async with asyncio.timeout(MAX_LINGER_S):
                while self.is_sending:
                    async with asyncio.timeout(CLIENT_IDLE_TIMEOUT_S):
                        await self.receive()
        except TimeoutError:
            pass
