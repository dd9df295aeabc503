"""The events of one transcription, over server-sent events, across lost connections, until it has ended."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from typing import Final

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError

from .errors import UnexpectedAnswer
from .events import Event, JobCompleted
from .model import Transcription
from .pace import TransientError
from .transport import Transport, reason_of

TRANSCRIPTIONS: Final = "/v1/transcriptions"
_EMPTY_STREAMS_AT_END: Final = 2


class EventStream:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def events(self, transcription_id: str, last_event_id: str | None) -> AsyncGenerator[Event, None]:
        """Yield every event once and in order; the last one is final.

        A connection that breaks, is silent for a minute or is closed early is reopened after `last_event_id`. The
        stream ends without a final event only if the server no longer keeps it (events are kept for a few days).

        Raises:
            ApiError: the transcription does not exist.
            ServerUnavailable: the server did not answer for `Pace.retry_for_s`.
        """
        outage = self._transport.outage()
        empty_streams = 0
        while True:
            pause_s, received = 0.0, False
            try:
                request = self._request(transcription_id, last_event_id)
                response = await self._transport.once(request, stream=True)
                outage.over()
                async with aclosing(response), aclosing(self._sse_events(response)) as stream:
                    async for sse in stream:
                        if sse.retry is not None:
                            pause_s = sse.retry / 1000
                        last_event_id = sse.id or last_event_id
                        if not sse.data:  # a heartbeat or only a new id
                            continue
                        received, empty_streams = True, 0
                        event = self._event(sse)
                        yield event
                        if event.is_final and await self._has_ended(transcription_id, event):
                            return
                empty_streams += not received
                # One empty stream may come from a server that is being stopped; the second one means the end.
                if empty_streams >= _EMPTY_STREAMS_AT_END and await self._is_final(transcription_id):
                    return
                failure = TransientError("the server closed the connection", pause_s)
            except TransientError as error:
                failure = error
            await outage.wait(failure)

    def _request(self, transcription_id: str, last_event_id: str | None) -> httpx.Request:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        return self._transport.request("GET", f"{TRANSCRIPTIONS}/{transcription_id}/events", headers=headers)

    async def _sse_events(self, response: httpx.Response) -> AsyncGenerator[ServerSentEvent, None]:
        if response.status_code == HTTPStatus.NO_CONTENT:
            return
        try:
            async with aclosing(EventSource(response).aiter_sse()) as stream:
                async for sse in stream:
                    yield sse
        except SSEError as error:
            raise UnexpectedAnswer(self._transport.base_url, "the answer is not an event stream") from error
        except httpx.TransportError as error:
            raise TransientError(reason_of(error)) from error

    def _event(self, sse: ServerSentEvent) -> Event:
        try:
            return Event.from_json(sse.id, sse.event, json.loads(sse.data))
        except (ValueError, TypeError, AttributeError):
            raise UnexpectedAnswer(self._transport.base_url, f"an event '{sse.event}' is malformed") from None

    async def _has_ended(self, transcription_id: str, event: Event) -> bool:
        """Whether `event` ended the job for good. After a retry or a new diarization its events continue."""
        if event.type == "job-deleted":
            return True
        now = await self._get(transcription_id)
        if isinstance(event.detail, JobCompleted) and event.detail.transcript_version < (now.transcript_version or 0):
            return False
        return event.type == f"job-{now.state}"

    async def _is_final(self, transcription_id: str) -> bool:
        return (await self._get(transcription_id)).is_final

    async def _get(self, transcription_id: str) -> Transcription:
        request = self._transport.request("GET", f"{TRANSCRIPTIONS}/{transcription_id}")
        return self._transport.read(Transcription.from_json, await self._transport.once(request))
