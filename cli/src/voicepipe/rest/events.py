"""One stream of the events of a transcription, as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError

from voicepipe.errors import UnexpectedAnswer
from voicepipe.events import Event
from voicepipe.pace import TransientError
from voicepipe.server import Arrival

from .transport import Transport, reason_of


async def arrivals(transport: Transport, path: str, last_event_id: str | None) -> AsyncGenerator[Arrival, None]:
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    response = await transport.once(transport.request("GET", path, headers=headers), stream=True)
    async with aclosing(response), aclosing(_sse_events(transport.base_url, response)) as stream:
        yield Arrival()
        async for sse in stream:
            # Without data it is a heartbeat or only a new id.
            event = _event(transport.base_url, sse) if sse.data else None
            yield Arrival(event, sse.id or None, 0.0 if sse.retry is None else sse.retry / 1000)


async def _sse_events(base_url: str, response: httpx.Response) -> AsyncGenerator[ServerSentEvent, None]:
    if response.status_code == HTTPStatus.NO_CONTENT:
        return
    try:
        async with aclosing(EventSource(response).aiter_sse()) as stream:
            async for sse in stream:
                yield sse
    except SSEError as error:
        raise UnexpectedAnswer(base_url, "the answer is not an event stream") from error
    except httpx.TransportError as error:
        raise TransientError(reason_of(error)) from error


def _event(base_url: str, sse: ServerSentEvent) -> Event:
    try:
        return Event.from_json(sse.id, sse.event, json.loads(sse.data))
    except (ValueError, TypeError, AttributeError):
        raise UnexpectedAnswer(base_url, f"an event '{sse.event}' is malformed") from None
