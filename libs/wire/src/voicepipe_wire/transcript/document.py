"""The transcript document, which the orchestrator writes and status reads.

It is stored as JSON, and a client receives it as `application/json`. Times are seconds from the start of the recording,
rounded to milliseconds when written; confidences are in [0, 1], written with four digits. Within one `schema`, fields
are only added; a reader ignores unknown ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from .media import Media
from .turns import DiarizedBy, Turn

SCHEMA: Final = 1

JsonObject = dict[str, Any]


class TranscriptUnreadable(ValueError):
    """Not a transcript document of a schema that this version reads. The message names the field, never its value."""


@dataclass(frozen=True, slots=True)
class TranscriptWord:
    """One word with its punctuation, without surrounding space. `overlap`: another speaker talked at the same time."""

    start_s: float
    end_s: float
    text: str
    confidence: float
    speaker: str | None = None
    overlap: bool = False


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """Consecutive words of one speaker. `id` counts from 0 in the order of the recording."""

    id: int
    start_s: float
    end_s: float
    text: str
    confidence: float
    language: str
    speaker: str | None
    words: tuple[TranscriptWord, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of speech that could not be transcribed; `code` is the stable code of its error."""

    start_s: float
    end_s: float
    code: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning: a stable code for programs, a sentence for people.

    `start_s` says where in the recording it applies, `duration_s` to how much of it; None if not known or without meaning.
    """

    code: str
    message: str
    start_s: float | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """The model that recognized the words, identified exactly enough to reproduce them."""

    name: str
    engine: str
    tier: str
    revision: str
    compute_type: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """A speaker of the recording. `id` is `speaker_1`, `speaker_2`, ... in the order of their first words.

    `talk_s` is their talking time, `share` its share of all talking time, `segments` the number of their segments,
    `colour` a `#rrggbb` that is readable on white and on black.
    """

    id: str
    name: str
    talk_s: float
    share: float
    segments: int
    colour: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """`id` is that of the transcription; `version` counts from 1. `language` is None if chunks differ or it is unknown.

    Without a diarization, `speakers` and `turns` are empty and `diarization` is None. Turns may overlap. `duration_s`
    is the length of the recording, `speech_s` the length of its detected speech. `created_at` is timezone-aware.
    `model` recognized most of the chunks, `models` has all that recognized some: several if the model was replaced before
    a part was tried again. `media` says what was found in the file; None for a transcript of an earlier version.
    """

    id: str
    version: int
    language: str | None
    language_probability: float | None
    duration_s: float
    speech_s: float
    model: ModelUsed
    text: str
    segments: tuple[TranscriptSegment, ...]
    gaps: tuple[Gap, ...]
    warnings: tuple[Notice, ...]
    created_at: Annotated[datetime, msgspec.Meta(tz=True)]
    speakers: tuple[Speaker, ...] = ()
    turns: tuple[Turn, ...] = ()
    diarization: DiarizedBy | None = None
    models: tuple[ModelUsed, ...] = ()
    media: Media | None = None

    def to_json(self) -> JsonObject:
        """The document as JSON-compatible values."""
        return {
            "schema": SCHEMA,
            "id": self.id,
            "version": self.version,
            "language": self.language,
            "language_probability": None if self.language_probability is None else _share(self.language_probability),
            "duration_s": _time(self.duration_s),
            "speech_s": _time(self.speech_s),
            "model": asdict(self.model),
            "models": [asdict(model) for model in self.models],
            "text": self.text,
            "speakers": [_speaker_json(speaker) for speaker in self.speakers],
            "segments": [_segment_json(segment) for segment in self.segments],
            "turns": [_turn_json(turn) for turn in self.turns],
            "diarization": asdict(self.diarization) if self.diarization else None,
            "gaps": [{"start_s": _time(gap.start_s), "end_s": _time(gap.end_s), "code": gap.code} for gap in self.gaps],
            "warnings": [asdict(warning) for warning in self.warnings],
            "media": self.media.to_json() if self.media else None,
            "created_at": self.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

    @classmethod
    def from_json(cls, document: object) -> Transcript:
        """The transcript from a parsed JSON document.

        Raises:
            TranscriptUnreadable: the schema is not `SCHEMA`, or a field is missing or of the wrong type.
        """
        schema = document.get("schema") if isinstance(document, Mapping) else None
        if schema != SCHEMA or isinstance(schema, bool):
            raise TranscriptUnreadable(
                f"the schema of this transcript is not {SCHEMA}, the only one this version can read"
            )
        try:
            return msgspec.convert(document, cls)
        except msgspec.ValidationError as error:  # its message has the field and its type, never its value
            raise TranscriptUnreadable(str(error)) from None


def _segment_json(segment: TranscriptSegment) -> JsonObject:
    return {
        "id": segment.id,
        "start_s": _time(segment.start_s),
        "end_s": _time(segment.end_s),
        "text": segment.text,
        "confidence": _share(segment.confidence),
        "language": segment.language,
        "speaker": segment.speaker,
        "words": [
            {
                "start_s": _time(word.start_s),
                "end_s": _time(word.end_s),
                "text": word.text,
                "confidence": _share(word.confidence),
                "speaker": word.speaker,
                "overlap": word.overlap,
            }
            for word in segment.words
        ],
    }


def _speaker_json(speaker: Speaker) -> JsonObject:
    return asdict(speaker) | {"talk_s": _time(speaker.talk_s), "share": _share(speaker.share)}


def _turn_json(turn: Turn) -> JsonObject:
    return {"start_s": _time(turn.start_s), "end_s": _time(turn.end_s), "speaker": turn.speaker}


def _time(seconds: float) -> float:
    return round(seconds, 3)


def _share(value: float) -> float:
    return round(value, 4)
