"""The Python client. The `voicepipe` command is built on it.

async with Client("https://voicepipe.example.org", api_key) as client:
    transcription = await client.transcribe(Path("meeting.wav"), Options(language="en"))
    print(await client.transcript(transcription.id, "txt"))
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import platformdirs

from . import __version__
from .errors import (
    ApiError,
    InvalidFile,
    InvalidSettings,
    NoSpeakers,
    NoSuchSpeaker,
    ServerUnavailable,
    UnexpectedAnswer,
    UnknownOutcome,
    VoicepipeError,
)
from .event_stream import TRANSCRIPTIONS, EventStream
from .events import Event
from .model import DeadLetter, JsonObject, Notice, Options, StageStatus, TranscriptFormat, Transcription
from .operating import DeadLetterFilter, OperatorAction, Queues, Redriven, StuckJob
from .pace import Pace, Wait
from .recording import Recording
from .resume_store import ResumeStore
from .speakers import Speaker, SpeakerLimits
from .transport import Transport
from .tus import OnBytes, Uploader

__all__ = [
    "ApiError",
    "Client",
    "DeadLetter",
    "DeadLetterFilter",
    "Event",
    "InvalidFile",
    "InvalidSettings",
    "NoSpeakers",
    "NoSuchSpeaker",
    "Notice",
    "OperatorAction",
    "Options",
    "Pace",
    "Queues",
    "Redriven",
    "ServerUnavailable",
    "Speaker",
    "SpeakerLimits",
    "StageStatus",
    "StuckJob",
    "TranscriptFormat",
    "Transcription",
    "UnexpectedAnswer",
    "UnknownOutcome",
    "VoicepipeError",
    "Wait",
]

ADMIN = "/v1/admin"
DEAD_LETTERS = f"{ADMIN}/dead-letters"
_Value = TypeVar("_Value")


def no_bytes(_sent_bytes: int, _size_bytes: int) -> None:
    """Show nothing."""


def no_event(_: Event) -> None:
    """Show nothing."""


def default_memory() -> Path:
    """The folder for unfinished uploads: under XDG_STATE_HOME, or the system's equivalent."""
    return platformdirs.user_state_path("voicepipe", appauthor=False) / "uploads"


class Client:
    """A client of one server with one API key.

    Short requests are retried for a few seconds, uploads and event streams for `pace.retry_for_s`. `memory` is the
    folder that remembers unfinished uploads between runs; None remembers nothing.

    Raises, in every method that sends a request:
        ApiError: the server refused the request; `code` is stable.
        ServerUnavailable: the server did not answer.
        UnexpectedAnswer: something answered that is not a Voicepipe server.
        UnknownOutcome: a command was sent and its answer was lost.
    """

    def __init__(self, base_url: str, api_key: str, *, pace: Pace | None = None, memory: Path | None = None) -> None:
        self._http = httpx.AsyncClient(
            headers={"User-Agent": f"voicepipe/{__version__}"}, limits=httpx.Limits(max_connections=None)
        )
        self._transport = Transport(self._http, base_url, api_key, pace or Pace())
        self._uploader = Uploader(self._transport, ResumeStore(memory))
        self._event_stream = EventStream(self._transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def transcribe(
        self,
        path: Path,
        options: Options | None = None,
        *,
        on_bytes: OnBytes = no_bytes,
        on_event: Callable[[Event], None] = no_event,
    ) -> Transcription:
        """Upload and wait for the end, which is not always `completed`: check `state` and `error`."""
        transcription_id = await self.upload(path, options, on_bytes=on_bytes)
        async with aclosing(self.events(transcription_id)) as events:
            async for event in events:
                on_event(event)
        return await self.get(transcription_id)

    async def upload(self, path: Path, options: Options | None = None, *, on_bytes: OnBytes = no_bytes) -> str:
        """Upload the file and return the id of its transcription.

        The upload resumes after a lost connection, and where an earlier run with the same file and options stopped.

        Raises:
            InvalidFile: the file cannot be read, is empty, or changed while it was sent.
        """
        return await self._uploader.upload(Recording.at(path), options or Options(), on_bytes)

    async def events(self, transcription_id: str, last_event_id: str | None = None) -> AsyncGenerator[Event, None]:
        """Yield past and new events, from the first or after `last_event_id`, until the transcription has ended."""
        async with aclosing(self._event_stream.events(_segment(transcription_id), last_event_id)) as events:
            async for event in events:
                yield event

    async def get(self, transcription_id: str) -> Transcription:
        return await self._ask(Transcription.from_json, "GET", _path(transcription_id))

    async def list(
        self, *, state: str | None = None, created_after: str | None = None, page_size: int = 100
    ) -> AsyncGenerator[Transcription, None]:
        """Yield all transcriptions, newest first; pages are fetched as needed."""
        query = {"state": state, "created_after": created_after, "limit": str(page_size)}
        async with aclosing(self._pages(Transcription.from_json, TRANSCRIPTIONS, query)) as items:
            async for item in items:
                yield item

    async def transcript(
        self, transcription_id: str, transcript_format: TranscriptFormat = "txt", version: int | None = None
    ) -> str:
        """The transcript as text in that format.

        Raises:
            ApiError: the transcript does not exist or is not ready.
            NoSpeakers: RTTM was requested, and the transcript has no speakers.
        """
        query = {"format": transcript_format} | ({} if version is None else {"version": str(version)})
        try:
            return (await self._transport.send("GET", f"{_path(transcription_id)}/transcript", params=query)).text
        except ApiError as error:
            if error.code == NoSpeakers.code:
                raise NoSpeakers from error
            raise

    async def cancel(self, transcription_id: str) -> Transcription:
        """Cancel the transcription. If the server needs longer, `state` is not `cancelled` yet."""
        return await self._command(transcription_id, "cancel")

    async def retry(self, transcription_id: str) -> Transcription:
        """Run failed or cancelled stages again; finished work is kept."""
        return await self._command(transcription_id, "retry")

    async def speakers(self, transcription_id: str) -> tuple[Speaker, ...]:
        """The speakers of the latest transcript, in the order of first words; empty without diarization.

        Raises:
            ApiError: the transcript does not exist or is not ready.
        """
        response = await self._transport.send("GET", f"{_path(transcription_id)}/transcript", params={"format": "json"})
        return self._transport.read(_speakers, response)

    async def rename_speaker(self, transcription_id: str, speaker_id: str, name: str | None) -> Speaker | None:
        """Name a speaker of the latest transcript; the name None removes the name. Safe to repeat.

        Returns the renamed speaker, or None if the server has accepted the name and will show it later.

        Raises:
            ApiError: 404 `speaker_not_found`, 409 `no_speakers`.
        """
        response = await self._transport.send(
            "PATCH", f"{_path(transcription_id)}/speakers/{_segment(speaker_id)}", repeatable=True, json={"name": name}
        )
        return (
            None if response.status_code == HTTPStatus.ACCEPTED else self._transport.read(Speaker.from_json, response)
        )

    async def diarize_again(self, transcription_id: str, limits: SpeakerLimits | None = None) -> Transcription:
        """Diarize a completed transcription again and keep its words; `wait_for_version` waits for the result.

        It takes effect after the answer, whose `state` may still be `completed`. The transcript gets a new version, in
        which the speakers have to be named again.

        Raises:
            ApiError: 409 `not_completed`, 501 `no_diarizer`.
        """
        path, body = f"{_path(transcription_id)}/diarization", (limits or SpeakerLimits()).to_json()
        return await self._ask(Transcription.from_json, "POST", path, json=body)

    async def last_event_id(self, transcription_id: str) -> str | None:
        """The id of the last event of a transcription that has ended; None if the server no longer keeps its events."""
        last = None
        async with aclosing(self.events(transcription_id)) as events:
            async for event in events:
                last = event.id
        return last

    async def wait_for_version(
        self,
        transcription_id: str,
        version: int,
        last_event_id: str | None = None,
        *,
        on_event: Callable[[Event], None] = no_event,
    ) -> Transcription:
        """Wait until the transcript has this or a later version, or the transcription failed or was cancelled."""
        while True:
            transcription = await self.get(transcription_id)
            if transcription.is_final and transcription.state != "completed":
                return transcription
            if transcription.state == "completed":
                if (transcription.transcript_version or 0) >= version:
                    return transcription
                # The server has accepted the request and not started it yet: there are no events to wait for.
                await self._transport.pace.sleep(self._transport.pace.first_s)
                continue
            async with aclosing(self.events(transcription_id, last_event_id)) as events:
                async for event in events:
                    last_event_id = event.id
                    on_event(event)

    async def delete(self, transcription_id: str) -> None:
        """Delete the transcription with its recording and transcripts. The server may finish this later."""
        await self._transport.send("DELETE", _path(transcription_id))

    async def capabilities(self) -> JsonObject:
        """The server's models, tasks, languages, limits and formats."""
        return await self._ask(_object, "GET", "/v1/capabilities")

    async def server_version(self) -> JsonObject:
        return await self._ask(_object, "GET", "/version")

    async def dead_letters(self, criteria: DeadLetterFilter | None = None) -> AsyncGenerator[DeadLetter, None]:
        """Yield the selected dead letters, oldest first. This and the methods below are for operators."""
        query = (criteria or DeadLetterFilter()).to_query()
        async with aclosing(self._pages(DeadLetter.from_json, DEAD_LETTERS, query)) as items:
            async for item in items:
                yield item

    async def dead_letter(self, sequence: int) -> DeadLetter:
        return await self._ask(DeadLetter.from_json, "GET", f"{DEAD_LETTERS}/{sequence}")

    async def redrive(self, sequence: int) -> None:
        """Queue a dead letter again, with its attempts reset."""
        await self._transport.send("POST", f"{DEAD_LETTERS}/{sequence}/redrive")

    async def redrive_all(self, criteria: DeadLetterFilter | None = None) -> Redriven:
        """Queue the selected dead letters again. Safe to repeat: within a minute, each is queued once."""
        query, accepted, repeated = (criteria or DeadLetterFilter()).to_query(), 0, 0
        while True:
            response = await self._transport.send("POST", f"{DEAD_LETTERS}/redrive", repeatable=True, params=query)
            some = self._transport.read(Redriven.from_json, response)
            accepted, repeated = accepted + some.accepted, repeated + some.repeated
            if some.next_cursor is None:
                return Redriven(accepted, repeated)
            query["cursor"] = some.next_cursor

    async def discard(self, sequence: int) -> None:
        await self._transport.send("DELETE", f"{DEAD_LETTERS}/{sequence}")

    async def operator_actions(self, *, page_size: int = 100) -> AsyncGenerator[OperatorAction, None]:
        """Yield the redrives and discards of all operators, newest first."""
        query = {"limit": str(page_size)}
        async with aclosing(self._pages(OperatorAction.from_json, f"{ADMIN}/audit", query)) as items:
            async for item in items:
                yield item

    async def queues(self) -> Queues:
        """The backlog of every queue; `state` and `age_s` say how far to trust it."""
        return await self._ask(Queues.from_json, "GET", f"{ADMIN}/queues")

    async def stuck_jobs(self, *, older_than_s: int = 600, page_size: int = 100) -> AsyncGenerator[StuckJob, None]:
        """Yield the unfinished jobs of all users that have not changed for `older_than_s`, oldest first."""
        query = {"older_than_s": str(older_than_s), "limit": str(page_size)}
        async with aclosing(self._pages(StuckJob.from_json, f"{ADMIN}/stuck-jobs", query)) as items:
            async for item in items:
                yield item

    async def _command(self, transcription_id: str, name: str) -> Transcription:
        return await self._ask(Transcription.from_json, "POST", f"{_path(transcription_id)}/{name}")

    async def _pages(
        self, reader: Callable[[Any], _Value], path: str, query: Mapping[str, str | None]
    ) -> AsyncGenerator[_Value, None]:
        chosen = {name: value for name, value in query.items() if value is not None}
        while True:
            page = await self._ask(_Page.from_json, "GET", path, params=chosen)
            for item in page.items:
                yield self._transport.converted(reader, item)
            if page.next_cursor is None:
                return
            chosen["cursor"] = page.next_cursor

    async def _ask(self, reader: Callable[[Any], _Value], method: str, path: str, **more: Any) -> _Value:
        return self._transport.read(reader, await self._transport.send(method, path, **more))


def _path(transcription_id: str) -> str:
    return f"{TRANSCRIPTIONS}/{_segment(transcription_id)}"


def _segment(transcription_id: str) -> str:
    """Quote an id that a user typed, so that it stays one segment of the path."""
    return quote(transcription_id, safe="")


def _object(answer: Any) -> JsonObject:
    if not isinstance(answer, Mapping):
        raise TypeError
    return answer


def _speakers(answer: Any) -> tuple[Speaker, ...]:
    return tuple(map(Speaker.from_json, answer.get("speakers") or ()))


@dataclass(frozen=True, slots=True)
class _Page:
    items: tuple[Any, ...]
    next_cursor: str | None

    @classmethod
    def from_json(cls, data: Any) -> _Page:
        return cls(tuple(data["items"]), data.get("next_cursor"))
