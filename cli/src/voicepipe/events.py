"""The events of a transcription, one frozen dataclass per type.

The JSON is protobuf's: a field with its zero value may be missing, and a 64-bit number may be a string.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from .model import JsonObject

FINAL_TYPES: Final = frozenset({"job-completed", "job-failed", "job-cancelled", "job-deleted"})


@dataclass(frozen=True, slots=True)
class StageChanged:
    """A stage changed its state, and perhaps the job did, too."""

    stage: str
    state: str
    attempt: int
    job_state: str

    @classmethod
    def from_json(cls, data: JsonObject) -> StageChanged:
        return cls(_text(data, "stage"), _text(data, "state"), int(data.get("attempt", 0)), _text(data, "job_state"))


@dataclass(frozen=True, slots=True)
class StageProgressed:
    """Seconds of audio that a stage has processed; `total_s` is 0 while it is not known."""

    stage: str
    done_s: float
    total_s: float

    @classmethod
    def from_json(cls, data: JsonObject) -> StageProgressed:
        return cls(_text(data, "stage"), _seconds(data, "done_s"), _seconds(data, "total_s"))


@dataclass(frozen=True, slots=True)
class ChunkTranscribed:
    """The text of one chunk; chunks arrive in any order. `done_s` of `total_s` seconds of speech are done."""

    chunk_index: int
    start_s: float
    end_s: float
    text: str
    language: str
    done_s: float
    total_s: float

    @classmethod
    def from_json(cls, data: JsonObject) -> ChunkTranscribed:
        return cls(
            chunk_index=int(data.get("chunk_index", 0)),
            start_s=_seconds(data, "start_s"),
            end_s=_seconds(data, "end_s"),
            text=_text(data, "text"),
            language=_text(data, "language"),
            done_s=_seconds(data, "done_s"),
            total_s=_seconds(data, "total_s"),
        )


@dataclass(frozen=True, slots=True)
class JobWarned:
    """Something is missing or worse than requested, and the job continues."""

    code: str
    message: str
    # Where in the recording it applies, and to how much of it.
    start_s: float | None = None
    duration_s: float | None = None

    @classmethod
    def from_json(cls, data: JsonObject) -> JobWarned:
        place_s = (None if data.get(name) is None else float(data[name]) for name in ("start_s", "duration_s"))
        return cls(_text(data, "code"), _text(data, "message"), *place_s)


@dataclass(frozen=True, slots=True)
class JobCompleted:
    """The transcript has this version now. A later one may follow after a retry or a new diarization."""

    transcript_version: int

    @classmethod
    def from_json(cls, data: JsonObject) -> JobCompleted:
        return cls(int(data.get("transcript_version", 0)))


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The job ended without a transcript."""

    code: str
    message: str

    @classmethod
    def from_json(cls, data: JsonObject) -> JobFailed:
        return cls(_text(data, "code"), _text(data, "message"))


@dataclass(frozen=True, slots=True)
class NoDetail:
    """An event without fields of its own, or of a type that this client does not know."""

    @classmethod
    def from_json(cls, _: JsonObject) -> NoDetail:
        return cls()


Detail = StageChanged | StageProgressed | ChunkTranscribed | JobWarned | JobCompleted | JobFailed | NoDetail

_DETAILS: Final[MappingProxyType[str, Callable[[JsonObject], Detail]]] = MappingProxyType(
    {
        "stage-changed": StageChanged.from_json,
        "stage-progressed": StageProgressed.from_json,
        "chunk-transcribed": ChunkTranscribed.from_json,
        "job-warned": JobWarned.from_json,
        "job-completed": JobCompleted.from_json,
        "job-failed": JobFailed.from_json,
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """`id` is the event's position in the server's log: pass it as `last_event_id` to continue after this event."""

    id: str
    type: str
    detail: Detail
    document: JsonObject = field(repr=False)

    @property
    def is_final(self) -> bool:
        return self.type in FINAL_TYPES

    @classmethod
    def from_json(cls, event_id: str, event_type: str, data: JsonObject) -> Event:
        """Convert the JSON of an event.

        Raises:
            TypeError, ValueError: a field has another type than the contract says.
        """
        return cls(event_id, event_type, _DETAILS.get(event_type, NoDetail.from_json)(data), data)


def _text(data: JsonObject, name: str) -> str:
    return str(data.get(name, ""))


def _seconds(data: JsonObject, name: str) -> float:
    return float(data.get(name, 0))
