"""The Python client. Everything that the `voicepipe` command does, it does through this.

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
    "Event",
    "InvalidFile",
    "InvalidSettings",
    "NoSpeakers",
    "NoSuchSpeaker",
    "Notice",
    "Options",
    "Pace",
    "ServerUnavailable",
    "Speaker",
    "SpeakerLimits",
    "StageStatus",
    "TranscriptFormat",
    "Transcription",
    "UnexpectedAnswer",
    "UnknownOutcome",
    "VoicepipeError",
    "Wait",
]

DEAD_LETTERS = "/v1/admin/dead-letters"
_Value = TypeVar("_Value")


def no_bytes(_sent_bytes: int, _size_bytes: int) -> None:
    """Show nothing."""


def no_event(_: Event) -> None:
    """Show nothing."""


def default_memory() -> Path:
    """Where unfinished uploads are remembered: under XDG_STATE_HOME, or what the system has instead."""
    return platformdirs.user_state_path("voicepipe", appauthor=False) / "uploads"


class Client:
    """One server, seen with one API key.

    Short requests are tried again for some seconds, uploads and event streams for `pace.patience_s`. All methods raise
    ApiError when the server refuses (with its stable `code`), ServerUnavailable when it does not answer, UnexpectedAnswer when
    something else does. `memory` is the folder in which unfinished uploads are remembered; None remembers nothing.
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
        """Upload, and follow to the end, which is not always `completed`: look at `state` and `error`."""
        transcription_id = await self.upload(path, options, on_bytes=on_bytes)
        async with aclosing(self.events(transcription_id)) as events:
            async for event in events:
                on_event(event)
        return await self.get(transcription_id)

    async def upload(self, path: Path, options: Options | None = None, *, on_bytes: OnBytes = no_bytes) -> str:
        """The id of the transcription that the file became.

        A lost connection is taken up again, and what an earlier run began is gone on with. Raises InvalidFile.
        """
        return await self._uploader.upload(Recording.at(path), options or Options(), on_bytes)

    async def events(self, transcription_id: str, last_event_id: str | None = None) -> AsyncGenerator[Event, None]:
        """What happened and what happens, from the beginning or after an event, until the transcription has ended."""
        async with aclosing(self._event_stream.events(_part(transcription_id), last_event_id)) as events:
            async for event in events:
                yield event

    async def get(self, transcription_id: str) -> Transcription:
        return await self._ask(Transcription.from_json, "GET", _of(transcription_id))

    async def list(
        self, *, state: str | None = None, created_after: str | None = None, page_size: int = 100
    ) -> AsyncGenerator[Transcription, None]:
        """All transcriptions, newest first, fetched page by page as they are asked for."""
        query = {"state": state, "created_after": created_after, "limit": str(page_size)}
        async with aclosing(self._pages(Transcription.from_json, TRANSCRIPTIONS, query)) as items:
            async for item in items:
                yield item

    async def transcript(
        self, transcription_id: str, transcript_format: TranscriptFormat = "txt", version: int | None = None
    ) -> str:
        """The transcript as text in that format. Raises ApiError while there is none, NoSpeakers where RTTM has no line."""
        query = {"format": transcript_format} | ({} if version is None else {"version": str(version)})
        try:
            return (await self._transport.send("GET", f"{_of(transcription_id)}/transcript", params=query)).text
        except ApiError as error:
            if error.code == NoSpeakers.code:
                raise NoSpeakers from error
            raise

    async def cancel(self, transcription_id: str) -> Transcription:
        """Stop it. Where the server needs a while, `state` is not `cancelled` yet."""
        return await self._command(transcription_id, "cancel")

    async def retry(self, transcription_id: str) -> Transcription:
        """Do again what failed or was cancelled; what is finished is kept."""
        return await self._command(transcription_id, "retry")

    async def speakers(self, transcription_id: str) -> tuple[Speaker, ...]:
        """Who speaks, by the latest transcript, in the order of first words; empty where speakers were not told apart.

        Raises ApiError while there is no transcript.
        """
        response = await self._transport.send("GET", f"{_of(transcription_id)}/transcript", params={"format": "json"})
        return self._transport.read(_speakers, response)

    async def rename_speaker(self, transcription_id: str, speaker_id: str, name: str | None) -> Speaker | None:
        """Name `speaker_1` of the latest transcript; None takes the name back. Safe to repeat.

        The speaker as they are called now; None where the server has taken the name and needs a while to show it. Raises
        ApiError with `speaker_not_found`, or `no_speakers` where they were not told apart.
        """
        response = await self._transport.send(
            "PATCH", f"{_of(transcription_id)}/speakers/{_part(speaker_id)}", repeatable=True, json={"name": name}
        )
        return (
            None if response.status_code == HTTPStatus.ACCEPTED else self._transport.read(Speaker.from_json, response)
        )

    async def diarize_again(self, transcription_id: str, limits: SpeakerLimits | None = None) -> Transcription:
        """Tell the speakers of a completed transcription apart once more and keep its words; `wait_for_version` follows.

        It takes effect after the answer, whose `state` may still be `completed`; the transcript gets its next version, in
        which names have to be given again. Raises ApiError with `not_completed`, or `no_diarizer` where none is running.
        """
        path, body = f"{_of(transcription_id)}/diarization", (limits or SpeakerLimits()).to_json()
        return await self._ask(Transcription.from_json, "POST", path, json=body)

    async def last_event_id(self, transcription_id: str) -> str | None:
        """Of a transcription that has ended: where to go on when it is taken up again. None where no events are kept."""
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
        """Follow until the transcript has that version (or a later one), or the transcription failed or was cancelled."""
        while True:
            transcription = await self.get(transcription_id)
            if transcription.is_final and transcription.state != "completed":
                return transcription
            if transcription.state == "completed":
                if (transcription.transcript_version or 0) >= version:
                    return transcription
                # Accepted, and not begun yet: there is nothing to hear.
                await self._transport.pace.sleep(self._transport.pace.first_s)
                continue
            async with aclosing(self.events(transcription_id, last_event_id)) as events:
                async for event in events:
                    last_event_id = event.id
                    on_event(event)

    async def delete(self, transcription_id: str) -> None:
        """Delete recording, transcript and all. The server may take a while to do so."""
        await self._transport.send("DELETE", _of(transcription_id))

    async def capabilities(self) -> JsonObject:
        """Models, tasks, languages, limits and formats of the server, as it says them."""
        return await self._ask(_object, "GET", "/v1/capabilities")

    async def server_version(self) -> JsonObject:
        return await self._ask(_object, "GET", "/version")

    async def dead_letters(self) -> AsyncGenerator[DeadLetter, None]:
        """What nobody could carry out. For operators, as all that follows."""
        async with aclosing(self._pages(DeadLetter.from_json, DEAD_LETTERS, {})) as items:
            async for item in items:
                yield item

    async def dead_letter(self, sequence: int) -> DeadLetter:
        return await self._ask(DeadLetter.from_json, "GET", f"{DEAD_LETTERS}/{sequence}")

    async def redrive(self, sequence: int) -> None:
        """Put a dead letter back to work with all its attempts."""
        await self._transport.send("POST", f"{DEAD_LETTERS}/{sequence}/redrive")

    async def redrive_all(self) -> int:
        """The same with all dead letters; how many they were."""
        redriven = 0
        while True:
            some = await self._ask(_Redriven.from_json, "POST", f"{DEAD_LETTERS}/redrive")
            redriven += some.accepted
            if some.remaining == 0 or some.accepted == 0:
                return redriven

    async def discard(self, sequence: int) -> None:
        await self._transport.send("DELETE", f"{DEAD_LETTERS}/{sequence}")

    async def _command(self, transcription_id: str, name: str) -> Transcription:
        return await self._ask(Transcription.from_json, "POST", f"{_of(transcription_id)}/{name}")

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


def _of(transcription_id: str) -> str:
    return f"{TRANSCRIPTIONS}/{_part(transcription_id)}"


def _part(transcription_id: str) -> str:
    """An id is typed by people: it must stay one part of the path."""
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


@dataclass(frozen=True, slots=True)
class _Redriven:
    accepted: int
    remaining: int

    @classmethod
    def from_json(cls, data: Any) -> _Redriven:
        return cls(int(data["accepted"]), int(data["remaining"]))
