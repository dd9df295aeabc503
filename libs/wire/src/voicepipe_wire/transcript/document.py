"""The transcript document: the orchestrator writes it, status reads it, both by this definition.

It is stored as JSON and is what a client gets as `application/json`. Times are seconds from the start of the recording,
rounded to milliseconds when written; confidences lie in [0, 1] and are written with four digits. Fields are only ever
added under one `schema`; what a reader does not know it ignores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from .turns import DiarizedBy, Turn

SCHEMA: Final = 1

JsonObject = dict[str, Any]
_Part = TypeVar("_Part")


class TranscriptUnreadable(ValueError):
    """No transcript document of a schema that this version reads. The message names the field, never its text."""


@dataclass(frozen=True, slots=True)
class TranscriptWord:
    """One word with its punctuation, without space around it. `overlap`: somebody else talked at the same time."""

    start_s: float
    end_s: float
    text: str
    confidence: float
    speaker: str | None = None
    overlap: bool = False


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """Words that belong together. `id` counts from 0 in the order of the recording."""

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
    """A stretch of speech that could not be transcribed; `code` is the stable code of the reason."""

    start_s: float
    end_s: float
    code: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning: a stable code for programs, a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """Which model wrote the words, exactly enough to get the same words again."""

    name: str
    engine: str
    tier: str
    revision: str
    compute_type: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody who speaks in the recording. `id` is `speaker_1`, `speaker_2`, ... in the order of their first words.

    `talk_s` is how long they talk, `share` that of all talk, `segments` how many are theirs, `colour` one that is readable
    on white and on black, as `#rrggbb`.
    """

    id: str
    name: str
    talk_s: float
    share: float
    segments: int
    colour: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """`id` is the transcription's; `version` counts from 1. `language` is None where chunks differ or none is known.

    Without a diarization there are no `speakers` and no `turns`, and `diarized_by` is None. Turns may overlap. `duration_s` is the length of the recording, `speech_s` how much of it was called speech. `created_at` is aware.
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
    created_at: datetime
    speakers: tuple[Speaker, ...] = ()
    turns: tuple[Turn, ...] = ()
    diarized_by: DiarizedBy | None = None

    def to_json(self) -> JsonObject:
        """What `json.dumps` takes."""
        return {
            "schema": SCHEMA,
            "id": self.id,
            "version": self.version,
            "language": self.language,
            "language_probability": None if self.language_probability is None else _share(self.language_probability),
            "duration_s": _time(self.duration_s),
            "speech_s": _time(self.speech_s),
            "model": {
                "name": self.model.name,
                "engine": self.model.engine,
                "tier": self.model.tier,
                "revision": self.model.revision,
                "compute_type": self.model.compute_type,
            },
            "text": self.text,
            "speakers": [_speaker_json(speaker) for speaker in self.speakers],
            "segments": [_segment_json(segment) for segment in self.segments],
            "turns": [_turn_json(turn) for turn in self.turns],
            "diarization": asdict(self.diarized_by) if self.diarized_by else None,
            "gaps": [{"start_s": _time(gap.start_s), "end_s": _time(gap.end_s), "code": gap.code} for gap in self.gaps],
            "warnings": [{"code": warning.code, "message": warning.message} for warning in self.warnings],
            "created_at": self.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

    @classmethod
    def from_json(cls, document: object) -> Transcript:
        """The transcript in what `json.loads` gave.

        Raises:
            TranscriptUnreadable: the schema is another one, or a field is missing or of the wrong kind.
        """
        fields = _Fields(document, "transcript")
        if fields.integer("schema") != SCHEMA:
            raise TranscriptUnreadable(f"transcript.schema is not {SCHEMA}, the only one that this version reads")
        probability = fields.get("language_probability")
        return cls(
            id=fields.string("id"),
            version=fields.integer("version"),
            language=fields.string_or_none("language"),
            language_probability=None if probability is None else fields.number("language_probability"),
            duration_s=fields.number("duration_s"),
            speech_s=fields.number("speech_s"),
            model=_model(fields.part("model")),
            text=fields.string("text"),
            segments=fields.parts("segments", _segment),
            gaps=fields.parts("gaps", _gap),
            warnings=fields.parts("warnings", _notice),
            created_at=fields.moment("created_at"),
            # Documents that were written before there were speakers do not have these.
            speakers=fields.parts("speakers", _speaker) if fields.has("speakers") else (),
            turns=fields.parts("turns", _turn) if fields.has("turns") else (),
            diarized_by=_diarized_by(fields.part("diarization")) if fields.has("diarization") else None,
        )


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


class _Fields:
    """A JSON object whose fields are read with their kind checked."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise TranscriptUnreadable(f"{where} is not an object")
        self._fields: Mapping[str, object] = value
        self._where = where

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._fields.get(name) is not None

    def get(self, name: str) -> object:
        try:
            return self._fields[name]
        except KeyError:
            raise TranscriptUnreadable(f"{self._where}.{name} is missing") from None

    def string(self, name: str) -> str:
        value = self.get(name)
        if not isinstance(value, str):
            raise self._not(name, "a string")
        return value

    def string_or_none(self, name: str) -> str | None:
        return None if self.get(name) is None else self.string(name)

    def integer(self, name: str) -> int:
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._not(name, "a whole number")
        return value

    def number(self, name: str) -> float:
        value = self.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._not(name, "a number")
        return float(value)

    def moment(self, name: str) -> datetime:
        text = self.string(name)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self._not(name, "a time") from None
        if moment.tzinfo is None:
            raise self._not(name, "a time with its zone")
        return moment

    def part(self, name: str) -> _Fields:
        return _Fields(self.get(name), f"{self._where}.{name}")

    def parts(self, name: str, read: Callable[[_Fields], _Part]) -> tuple[_Part, ...]:
        values = self.get(name)
        if not isinstance(values, list):
            raise self._not(name, "a list")
        return tuple(read(_Fields(value, f"{self._where}.{name}[{index}]")) for index, value in enumerate(values))

    def _not(self, name: str, kind: str) -> TranscriptUnreadable:
        return TranscriptUnreadable(f"{self._where}.{name} is not {kind}")


def _model(fields: _Fields) -> ModelUsed:
    return ModelUsed(
        name=fields.string("name"),
        engine=fields.string("engine"),
        tier=fields.string("tier"),
        revision=fields.string("revision"),
        compute_type=fields.string("compute_type"),
    )


def _segment(fields: _Fields) -> TranscriptSegment:
    return TranscriptSegment(
        id=fields.integer("id"),
        start_s=fields.number("start_s"),
        end_s=fields.number("end_s"),
        text=fields.string("text"),
        confidence=fields.number("confidence"),
        language=fields.string("language"),
        speaker=fields.string_or_none("speaker"),
        words=fields.parts("words", _word),
    )


def _word(fields: _Fields) -> TranscriptWord:
    return TranscriptWord(
        start_s=fields.number("start_s"),
        end_s=fields.number("end_s"),
        text=fields.string("text"),
        confidence=fields.number("confidence"),
        speaker=fields.string_or_none("speaker"),
        overlap=fields.has("overlap") and fields.get("overlap") is True,
    )


def _speaker(fields: _Fields) -> Speaker:
    return Speaker(
        id=fields.string("id"),
        name=fields.string("name"),
        talk_s=fields.number("talk_s"),
        share=fields.number("share"),
        segments=fields.integer("segments"),
        colour=fields.string("colour"),
    )


def _turn(fields: _Fields) -> Turn:
    return Turn(fields.number("start_s"), fields.number("end_s"), fields.string("speaker"))


def _diarized_by(fields: _Fields) -> DiarizedBy:
    return DiarizedBy(fields.string("name"), fields.string("revision"))


def _gap(fields: _Fields) -> Gap:
    return Gap(start_s=fields.number("start_s"), end_s=fields.number("end_s"), code=fields.string("code"))


def _notice(fields: _Fields) -> Notice:
    return Notice(code=fields.string("code"), message=fields.string("message"))
