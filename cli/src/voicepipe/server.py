"""What the client asks of a server, whichever protocol carries it.

Answers are the documents of the public API: JSON objects as REST has them. So everything above this port is the same for every
protocol: retries, resuming, pages, and the dataclasses that the documents become.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Literal, Protocol
from uuid import uuid4

from .digest import Digest
from .events import Event
from .model import JsonObject, Options, TranscriptFormat
from .recording import Recording

ProtocolName = Literal["rest", "grpc"]

# Filters of a list, by the names of REST; texts as a user typed them.
Query = Mapping[str, str]

# Called with the bytes sent and the size of the recording. The first may decrease after a lost connection.
OnBytes = Callable[[int, int], None]


class Listing(Enum):
    """What the server lists in pages."""

    TRANSCRIPTIONS = auto()
    DEAD_LETTERS = auto()
    OPERATOR_ACTIONS = auto()
    STUCK_JOBS = auto()


@dataclass(frozen=True, slots=True)
class Page:
    items: tuple[Any, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something came on a stream of events: an event, or only a sign of life.

    The stream continues after `last_event_id`, if it is given, and not before `pause_s` have passed.
    """

    event: Event | None = None
    last_event_id: str | None = None
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of an upload the server has, and the id of the transcription once it has everything."""

    offset_bytes: int
    transcription_id: str | None


@dataclass(frozen=True, slots=True)
class Sending:
    """An upload: the recording, its options, and a callback for its progress."""

    recording: Recording
    options: Options
    on_bytes: OnBytes
    # Of what has been sent in this run.
    digest: Digest = field(default_factory=Digest)
    # Each begin of the upload has its own key; a begin that is tried again has the same, so it makes one upload.
    request_id: str = field(default_factory=lambda: str(uuid4()))

    async def blocks(self, offset_bytes: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `offset_bytes` to the end. A block counts as sent when the next one is asked for.

        Raises:
            InvalidFile: the file cannot be read, or has changed.
        """
        sent_bytes = offset_bytes
        async with aclosing(self.recording.blocks(offset_bytes)) as blocks:
            async for block in blocks:
                yield block
                sent_bytes += len(block)
                self.on_bytes(sent_bytes, self.recording.size_bytes)


class UploadServer(Protocol):
    """Uploads that can be resumed. An upload has the same id over every protocol."""

    async def begin(self, sending: Sending, on_id: Callable[[str], None]) -> str | None:
        """Begin an upload and pass its id to `on_id` as soon as it is known.

        Returns the id of the transcription if the whole recording has been sent, too. Repeating it with the same `request_id`
        gives the same upload.
        """

    async def standing(self, upload_id: str) -> Standing: ...

    async def send(self, sending: Sending, upload_id: str, offset_bytes: int) -> Standing:
        """Send everything from `offset_bytes` on. ApiError 409: the offset is another one by now."""


class Server(Protocol):
    """One server, asked with one API key. Each method is one try.

    Raises, in every method:
        TransientError: another try may succeed.
        ApiError: the server refused the request.
        UnexpectedAnswer: something answered that is not a Voicepipe server.
    """

    base_url: str

    @property
    def uploads(self) -> UploadServer: ...

    async def aclose(self) -> None: ...

    async def get(self, transcription_id: str) -> JsonObject: ...

    def events(self, transcription_id: str, last_event_id: str | None) -> AsyncGenerator[Arrival, None]:
        """Past events, then new ones, until the server ends the stream. Each arrival says that it is alive."""

    async def page(self, listing: Listing, query: Query, cursor: str | None) -> Page: ...

    async def transcript(
        self, transcription_id: str, transcript_format: TranscriptFormat, version: int | None
    ) -> str: ...

    async def speakers(self, transcription_id: str) -> tuple[Any, ...]: ...

    async def cancel(self, transcription_id: str) -> JsonObject: ...

    async def retry(self, transcription_id: str) -> JsonObject: ...

    async def delete(self, transcription_id: str) -> None: ...

    async def rename_speaker(self, transcription_id: str, speaker_id: str, name: str | None) -> JsonObject | None:
        """The renamed speaker; None if the server has accepted the name and will show it later."""

    async def diarize_again(self, transcription_id: str, limits: Mapping[str, int]) -> JsonObject: ...

    async def capabilities(self) -> JsonObject: ...

    async def version(self) -> JsonObject: ...

    async def dead_letter(self, sequence: int) -> JsonObject: ...

    async def redrive(self, sequence: int) -> None: ...

    async def redrive_some(self, query: Query, cursor: str | None) -> JsonObject: ...

    async def discard(self, sequence: int) -> None: ...

    async def queues(self) -> JsonObject: ...
