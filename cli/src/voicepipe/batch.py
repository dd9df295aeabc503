"""Several recordings at once. Each is uploaded, followed and fetched; a failure of one does not stop the others."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .client import Client
from .errors import Deleted, VoicepipeError
from .exit_codes import ExitCode, code_of
from .model import Notice, Options, TranscriptFormat, Transcription
from .recording import Recording
from .saving import save
from .screen import Screen, notes_on

# Two concurrent uploads keep the network busy while one of them waits for an answer.
UPLOADS_AT_ONCE: Final = 2
# Each holds one connection for its events.
MAX_IN_FLIGHT: Final = 16


@dataclass(frozen=True, slots=True)
class Item:
    """A recording, the name that the user gave it, and the file for its transcript; None: stdout."""

    name: str
    path: Path
    target: Path | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an item. `transcript` is None if it was saved to a file, was not waited for, or does not exist."""

    item: Item
    exit_code: ExitCode
    transcription: Transcription | None = None
    transcript: str | None = None
    error: Notice | None = None


class Batch:
    def __init__(
        self,
        client: Client,
        screen: Screen,
        options: Options,
        transcript_format: TranscriptFormat,
        *,
        wait: bool,
        overwrite: bool,
    ) -> None:
        self._client = client
        self._screen = screen
        self._options = options
        self._format = transcript_format
        self._wait = wait
        self._overwrite = overwrite
        self._uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)
        self._in_flight = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._uploading: set[str] = set()
        self._followed: dict[str, str] = {}

    async def run(self, items: list[Item]) -> list[Outcome]:
        """The outcomes in the order of the items."""
        return await asyncio.gather(*map(self._one, items))

    @property
    def uploading(self) -> frozenset[str]:
        """The names of the files that are being uploaded."""
        return frozenset(self._uploading)

    @property
    def followed(self) -> dict[str, str]:
        """Uploaded files whose transcriptions have not ended: name to transcription id."""
        return dict(self._followed)

    async def _one(self, item: Item) -> Outcome:
        async with self._in_flight:
            try:
                return await self._carry_out(item)
            except VoicepipeError as error:
                self._screen.say(f"{item.name}: {error}")
                if item.name in self._followed:
                    self._screen.say(
                        f"{item.name}: the recording is on the server. Its transcript: voicepipe get {self._followed[item.name]}"
                    )
                self._uploading.discard(item.name)
                return Outcome(item, code_of(error), error=Notice(error.code, str(error)))
            finally:
                self._screen.ended(item.name)

    async def _carry_out(self, item: Item) -> Outcome:
        async with self._uploads:
            self._uploading.add(item.name)
            # Before the first answer, so that the screen is not empty meanwhile.
            self._screen.sent(item.name, 0, Recording.at(item.path).size_bytes)
            transcription_id = await self._client.upload(
                item.path, self._options, on_bytes=lambda sent, size: self._screen.sent(item.name, sent, size)
            )
            self._uploading.discard(item.name)
        self._followed[item.name] = transcription_id
        if self._wait:
            await self._follow(item, transcription_id)
        transcription = await self._client.get(transcription_id)
        for note in notes_on(transcription):
            self._screen.say(f"{item.name}: {note}")
        if not self._wait:
            return Outcome(item, ExitCode.OK, transcription)
        outcome = await self._end(item, transcription)
        del self._followed[item.name]
        return outcome

    async def _follow(self, item: Item, transcription_id: str) -> None:
        async with aclosing(self._client.events(transcription_id)) as events:
            async for event in events:
                self._screen.happened(item.name, event)
                if event.type == "job-deleted":
                    del self._followed[item.name]
                    raise Deleted

    async def _end(self, item: Item, transcription: Transcription) -> Outcome:
        if transcription.state != "completed":
            error = transcription.error or Notice(transcription.state, f"The transcription is {transcription.state}.")
            self._screen.say(f"{item.name}: {error.message}")
            return Outcome(item, ExitCode.NO_TRANSCRIPT, transcription, error=error)
        transcript = await self._client.transcript(transcription.id, self._format)
        if item.target is None:
            return Outcome(item, ExitCode.OK, transcription, transcript)
        save(transcript, item.target, overwrite=self._overwrite)
        self._screen.say(f"{item.name}: saved as {item.target}")
        return Outcome(item, ExitCode.OK, transcription)
