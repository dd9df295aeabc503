"""The server's answers as frozen dataclasses. Missing fields are None; unknown ones are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, get_args

from .media import Media

JsonObject = Mapping[str, Any]

FINAL_STATES: Final = frozenset({"completed", "failed", "cancelled"})
TranscriptFormat = Literal["txt", "srt", "vtt", "json", "rttm"]
FORMATS: Final[tuple[TranscriptFormat, ...]] = get_args(TranscriptFormat)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a transcription; None leaves the choice to the server."""

    model: str | None = None
    language: str | None = None
    task: str | None = None
    keyterms: tuple[str, ...] = ()
    diarize: bool | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None
    priority: str | None = None
    # A new transcription, even if there is one of the same bytes with the same options.
    fresh: bool | None = None
    # auto, mix or separate: each channel is a speaker.
    channels: str | None = None
    # Number of the audio track, from 1.
    track: int | None = None

    def to_fields(self) -> dict[str, str]:
        """The options that are set, as text fields. A key term with a comma becomes two."""
        chosen: dict[str, object] = {
            "model": self.model,
            "language": self.language,
            "task": self.task,
            "keyterms": ",".join(self.keyterms) or None,
            "diarize": None if self.diarize is None else str(self.diarize).lower(),
            "min_speakers": self.min_speakers,
            "max_speakers": self.max_speakers,
            "priority": self.priority,
            "fresh": None if self.fresh is None else str(self.fresh).lower(),
            "channels": self.channels,
            "track": self.track,
        }
        return {name: str(value) for name, value in chosen.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning or an error: a stable code for programs, a sentence for people.

    A warning may say where in the recording it applies, and to how much of it, in seconds.
    """

    code: str
    message: str
    start_s: float | None = None
    duration_s: float | None = None

    @classmethod
    def from_json(cls, data: JsonObject) -> Notice:
        place_s = (_float(data.get(name)) for name in ("start_s", "duration_s"))
        return cls(str(data.get("code", "")), str(data.get("message", "")), *place_s)


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One stage of a job. Progress is in seconds of audio; `total_s` is 0 while it is not known."""

    stage: str
    state: str
    attempt: int
    done_s: float
    total_s: float
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def from_json(cls, data: JsonObject) -> StageStatus:
        return cls(
            stage=str(data["stage"]),
            state=str(data["state"]),
            attempt=int(data.get("attempt") or 0),
            done_s=float(data.get("done_s") or 0),
            total_s=float(data.get("total_s") or 0),
            started_at=_datetime(data.get("started_at")),
            finished_at=_datetime(data.get("finished_at")),
        )


@dataclass(frozen=True, slots=True)
class Transcription:
    """A recording and the state of its transcription. `document` is the server's complete JSON."""

    id: str
    name: str
    state: str
    created_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None
    speech_s: float | None
    size_bytes: int | None
    media_type: str | None
    options: JsonObject
    language: str | None
    language_probability: float | None
    stages: tuple[StageStatus, ...]
    queue_position: int | None
    eta_s: float | None
    waiting_for: str | None
    waiting_since: datetime | None
    transcript_version: int | None
    warnings: tuple[Notice, ...]
    error: Notice | None
    # None until the recording is decoded, and from an earlier server.
    media: Media | None
    document: JsonObject = field(repr=False)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @classmethod
    def from_json(cls, data: JsonObject) -> Transcription:
        """Convert the JSON of a transcription.

        Raises:
            KeyError, TypeError, ValueError: this is not a transcription.
        """
        return cls(
            id=str(data["id"]),
            name=str(data.get("name") or ""),
            state=str(data["state"]),
            created_at=_datetime(data.get("created_at")),
            finished_at=_datetime(data.get("finished_at")),
            duration_s=_float(data.get("duration_s")),
            speech_s=_float(data.get("speech_s")),
            size_bytes=_int(data.get("size_bytes")),
            media_type=data.get("media_type"),
            options=data.get("options") or {},
            language=data.get("language"),
            language_probability=_float(data.get("language_probability")),
            stages=tuple(StageStatus.from_json(stage) for stage in data.get("stages") or ()),
            queue_position=_int(data.get("queue_position")),
            eta_s=_float(data.get("eta_s")),
            waiting_for=data.get("waiting_for"),
            waiting_since=_datetime(data.get("waiting_since")),
            transcript_version=_int(data.get("transcript_version")),
            warnings=tuple(Notice.from_json(warning) for warning in data.get("warnings") or ()),
            error=Notice.from_json(data["error"]) if data.get("error") else None,
            media=Media.from_json(data["media"]) if data.get("media") else None,
            document=data,
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A command that could not be carried out, for operators to inspect. `document` is the server's complete JSON."""

    sequence: int
    stage: str
    code: str
    error: str
    attempts: int | None
    failed_at: datetime | None
    job_id: str | None
    document: JsonObject = field(repr=False)

    @classmethod
    def from_json(cls, data: JsonObject) -> DeadLetter:
        """Convert the JSON of a dead letter.

        Raises:
            KeyError, TypeError, ValueError: this is not a dead letter.
        """
        return cls(
            sequence=int(data["sequence"]),
            stage=str(data.get("stage") or ""),
            code=str(data.get("code") or ""),
            error=str(data.get("error") or ""),
            attempts=_int(data.get("attempts")),
            failed_at=_datetime(data.get("failed_at")),
            job_id=data.get("job_id"),
            document=data,
        )


def _datetime(value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _int(value: Any) -> int | None:
    return None if value is None else int(value)
