"""The events of one transcription, across lost connections, until it has ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from .errors import UnexpectedAnswer
from .events import Event, JobCompleted
from .model import Transcription
from .pace import Outage, Pace, TransientError
from .server import Server

_EMPTY_STREAMS_AT_END: Final = 2


class EventStream:
    def __init__(self, server: Server, pace: Pace) -> None:
        self._server = server
        self._pace = pace

    async def events(self, transcription_id: str, last_event_id: str | None) -> AsyncGenerator[Event, None]:
        """Yield every event once and in order; the last one is final.

        A connection that breaks, is silent for a minute or is closed early is reopened after `last_event_id`. The
        stream ends without a final event only if the server no longer keeps it (events are kept for a few days).

        Raises:
            ApiError: the transcription does not exist.
            ServerUnavailable: the server did not answer for `Pace.retry_for_s`.
        """
        outage = Outage(self._pace, self._server.base_url)
        empty_streams = 0
        while True:
            pause_s, received = 0.0, False
            try:
                async with aclosing(self._server.events(transcription_id, last_event_id)) as arrivals:
                    async for arrival in arrivals:
                        outage.over()
                        pause_s = arrival.pause_s or pause_s
                        last_event_id = arrival.last_event_id or last_event_id
                        if arrival.event is None:
                            continue
                        received, empty_streams = True, 0
                        yield arrival.event
                        if arrival.event.is_final and await self._has_ended(transcription_id, arrival.event):
                            return
                empty_streams += not received
                # One empty stream may come from a server that is being stopped; the second one means the end.
                if empty_streams >= _EMPTY_STREAMS_AT_END and (await self._get(transcription_id)).is_final:
                    return
                failure = TransientError("the server closed the connection", pause_s)
            except TransientError as error:
                failure = error
            await outage.wait(failure)

    async def _has_ended(self, transcription_id: str, event: Event) -> bool:
        """Whether `event` ended the job for good. After a retry or a new diarization its events continue."""
        if event.type == "job-deleted":
            return True
        now = await self._get(transcription_id)
        if isinstance(event.detail, JobCompleted) and event.detail.transcript_version < (now.transcript_version or 0):
            return False
        return event.type == f"job-{now.state}"

    async def _get(self, transcription_id: str) -> Transcription:
        answer = await self._server.get(transcription_id)
        try:
            return Transcription.from_json(answer)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UnexpectedAnswer(self._server.base_url, "the answer lacks required fields") from None
