"""The Python client. The `voicepipe` command is built on it.

async with Client("https://voicepipe.example.org", api_key) as client:
    transcription = await client.transcribe(Path("meeting.wav"), Options(language="en"))
    print(await client.transcript(transcription.id, "txt"))
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import platformdirs

from .address import checked_url
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
from .event_stream import EventStream
from .events import Event
from .media import AudioTrack, Media
from .model import DeadLetter, JsonObject, Notice, Options, StageStatus, TranscriptFormat, Transcription
from .operating import DeadLetterFilter, OperatorAction, Queues, Redriven, StuckJob
from .pace import Pace, Wait
from .recording import Recording
from .resume_store import ResumeStore
from .server import Listing, OnBytes, ProtocolName, Query, Server
from .speakers import Speaker, SpeakerLimits
from .tries import Tries
from .uploading import Uploader

__all__ = [
    "ApiError",
    "AudioTrack",
    "Client",
    "DeadLetter",
    "DeadLetterFilter",
    "Event",
    "InvalidFile",
    "InvalidSettings",
    "Media",
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

_Value = TypeVar("_Value")


def no_bytes(_sent_bytes: int, _size_bytes: int) -> None:
    """Show nothing."""


def no_event(_: Event) -> None:
    """Show nothing."""


def default_memory() -> Path:
    """The folder for unfinished uploads: under XDG_STATE_HOME, or the system's equivalent."""
    return platformdirs.user_state_path("voicepipe", appauthor=False) / "uploads"


class Client:
    """A client of one server with one API key, over REST or gRPC.

    Short requests are retried for a few seconds, uploads and event streams for `pace.retry_for_s`. `memory` is the
    folder that remembers unfinished uploads between runs; None remembers nothing.

    Raises, in every method that sends a request:
        ApiError: the server refused the request; `code` is stable.
        ServerUnavailable: the server did not answer.
        UnexpectedAnswer: something answered that is not a Voicepipe server.
        UnknownOutcome: a command was sent and its answer was lost.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        protocol: ProtocolName = "rest",
        pace: Pace | None = None,
        memory: Path | None = None,
    ) -> None:
        self._pace = pace or Pace()
        self._server = server_at(base_url, api_key, protocol)
        address = self._server.base_url
        self._tries = Tries(self._pace, address)
        self._uploader = Uploader(self._server.uploads, address, self._pace, ResumeStore(memory))
        self._event_stream = EventStream(self._server, self._pace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._server.aclose()

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
        async with aclosing(self._event_stream.events(transcription_id, last_event_id)) as events:
            async for event in events:
                yield event

    async def get(self, transcription_id: str) -> Transcription:
        return await self._ask(Transcription.from_json, lambda: self._server.get(transcription_id))

    async def list(
        self, *, state: str | None = None, created_after: str | None = None, page_size: int = 100
    ) -> AsyncGenerator[Transcription, None]:
        """Yield all transcriptions, newest first; pages are fetched as needed."""
        chosen = {"state": state, "created_after": created_after, "limit": str(page_size)}
        query = {name: value for name, value in chosen.items() if value is not None}
        async with aclosing(self._pages(Transcription.from_json, Listing.TRANSCRIPTIONS, query)) as items:
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
        try:
            return await self._tries.of(
                lambda: self._server.transcript(transcription_id, transcript_format, version), repeatable=True
            )
        except ApiError as error:
            if error.code == NoSpeakers.code:
                raise NoSpeakers from error
            raise

    async def cancel(self, transcription_id: str) -> Transcription:
        """Cancel the transcription. If the server needs longer, `state` is not `cancelled` yet."""
        return await self._change(Transcription.from_json, lambda: self._server.cancel(transcription_id))

    async def retry(self, transcription_id: str) -> Transcription:
        """Run failed or cancelled stages again; finished work is kept."""
        return await self._change(Transcription.from_json, lambda: self._server.retry(transcription_id))

    async def speakers(self, transcription_id: str) -> tuple[Speaker, ...]:
        """The speakers of the latest transcript, in the order of first words; empty without diarization.

        Raises:
            ApiError: the transcript does not exist or is not ready.
        """
        return await self._ask(_speakers, lambda: self._server.speakers(transcription_id))

    async def rename_speaker(self, transcription_id: str, speaker_id: str, name: str | None) -> Speaker | None:
        """Name a speaker of the latest transcript; the name None removes the name. Safe to repeat.

        Returns the renamed speaker, or None if the server has accepted the name and will show it later.

        Raises:
            ApiError: 404 `speaker_not_found`, 409 `no_speakers`.
        """
        return await self._ask(
            lambda answer: None if answer is None else Speaker.from_json(answer),
            lambda: self._server.rename_speaker(transcription_id, speaker_id, name),
        )

    async def diarize_again(self, transcription_id: str, limits: SpeakerLimits | None = None) -> Transcription:
        """Diarize a completed transcription again and keep its words; `wait_for_version` waits for the result.

        The `state` of the answer of an older server may still be `completed`. The transcript gets a new version, in which
        the speakers have to be named again if they have other turns.

        Raises:
            ApiError: 409 `not_completed`, 501 `no_diarizer`.
        """
        bounds = (limits or SpeakerLimits()).to_json()
        return await self._change(Transcription.from_json, lambda: self._server.diarize_again(transcription_id, bounds))

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
                await self._pace.sleep(self._pace.first_s)
                continue
            async with aclosing(self.events(transcription_id, last_event_id)) as events:
                async for event in events:
                    last_event_id = event.id
                    on_event(event)

    async def delete(self, transcription_id: str) -> None:
        """Delete the transcription with its recording and transcripts. The server may finish this later."""
        await self._tries.of(lambda: self._server.delete(transcription_id), repeatable=False)

    async def capabilities(self) -> JsonObject:
        """The server's models, tasks, languages, limits and formats."""
        return await self._tries.of(self._server.capabilities, repeatable=True)

    async def server_version(self) -> JsonObject:
        return await self._tries.of(self._server.version, repeatable=True)

    async def dead_letters(self, criteria: DeadLetterFilter | None = None) -> AsyncGenerator[DeadLetter, None]:
        """Yield the selected dead letters, oldest first. This and the methods below are for operators."""
        query = (criteria or DeadLetterFilter()).to_query()
        async with aclosing(self._pages(DeadLetter.from_json, Listing.DEAD_LETTERS, query)) as items:
            async for item in items:
                yield item

    async def dead_letter(self, sequence: int) -> DeadLetter:
        return await self._ask(DeadLetter.from_json, lambda: self._server.dead_letter(sequence))

    async def redrive(self, sequence: int) -> None:
        """Queue a dead letter again, with its attempts reset."""
        await self._tries.of(lambda: self._server.redrive(sequence), repeatable=False)

    async def redrive_all(self, criteria: DeadLetterFilter | None = None) -> Redriven:
        """Queue the selected dead letters again. Safe to repeat: within a minute, each is queued once."""
        query, total = (criteria or DeadLetterFilter()).to_query(), Redriven(0, 0)
        cursor = None
        while True:
            some = await self._ask(Redriven.from_json, partial(self._server.redrive_some, query, cursor))
            total = Redriven(total.accepted + some.accepted, total.repeated + some.repeated)
            cursor = some.next_cursor
            if cursor is None:
                return total

    async def discard(self, sequence: int) -> None:
        await self._tries.of(lambda: self._server.discard(sequence), repeatable=False)

    async def operator_actions(self, *, page_size: int = 100) -> AsyncGenerator[OperatorAction, None]:
        """Yield the redrives and discards of all operators, newest first."""
        query = {"limit": str(page_size)}
        async with aclosing(self._pages(OperatorAction.from_json, Listing.OPERATOR_ACTIONS, query)) as items:
            async for item in items:
                yield item

    async def queues(self) -> Queues:
        """The backlog of every queue; `state` and `age_s` say how far to trust it."""
        return await self._ask(Queues.from_json, self._server.queues)

    async def stuck_jobs(self, *, older_than_s: int = 600, page_size: int = 100) -> AsyncGenerator[StuckJob, None]:
        """Yield the unfinished jobs of all users that have not changed for `older_than_s`, oldest first."""
        query = {"older_than_s": str(older_than_s), "limit": str(page_size)}
        async with aclosing(self._pages(StuckJob.from_json, Listing.STUCK_JOBS, query)) as items:
            async for item in items:
                yield item

    async def _pages(
        self, reader: Callable[[Any], _Value], listing: Listing, query: Query
    ) -> AsyncGenerator[_Value, None]:
        cursor = None
        while True:
            page = await self._tries.of(partial(self._server.page, listing, query, cursor), repeatable=True)
            for item in page.items:
                yield self._read(reader, item)
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _ask(self, reader: Callable[[Any], _Value], once: Callable[[], Awaitable[Any]]) -> _Value:
        """What `reader` makes of the answer to a request that may be repeated."""
        return self._read(reader, await self._tries.of(once, repeatable=True))

    async def _change(self, reader: Callable[[Any], _Value], once: Callable[[], Awaitable[Any]]) -> _Value:
        """The same for a request that must not be carried out twice."""
        return self._read(reader, await self._tries.of(once, repeatable=False))

    def _read(self, reader: Callable[[Any], _Value], answer: Any) -> _Value:
        try:
            return reader(answer)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UnexpectedAnswer(self._server.base_url, "the answer lacks required fields") from None


def server_at(base_url: str, api_key: str, protocol: ProtocolName) -> Server:
    """The server at this address. Only the libraries of the chosen protocol are loaded.

    Raises:
        InvalidSettings: it is not an HTTP address; or for gRPC: it has a path, or the libraries are not installed.
    """
    address = checked_url(base_url)
    if protocol == "grpc":
        try:
            from .rpc.server import GrpcServer
        except ModuleNotFoundError as error:
            raise InvalidSettings(
                f"gRPC needs {error.name}, which is not installed. In a checkout: pip install ./libs/api './cli[grpc]'"
            ) from None
        return GrpcServer(address, api_key)
    from .rest.server import RestServer

    return RestServer(address, api_key)


def _speakers(answer: Any) -> tuple[Speaker, ...]:
    return tuple(map(Speaker.from_json, answer))
