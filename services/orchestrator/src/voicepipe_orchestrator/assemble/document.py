"""Chunks and turns become the document that clients read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.transcript.document import (
    Gap,
    ModelUsed,
    Notice,
    Speaker,
    Transcript,
    TranscriptSegment,
    TranscriptWord,
)
from voicepipe_wire.transcript.languages import language_of_text
from voicepipe_wire.transcript.turns import Diarization, DiarizedBy, Turn

from voicepipe_orchestrator.chunks import StoredChunk
from voicepipe_orchestrator.domain import Segment

from . import speakers
from .stitch import ChunkWords, gaps_of, plain_text, stitch
from .timemap import TimeMap


@dataclass(frozen=True, slots=True)
class Joined:
    """What was said, by whom, and what is missing. Speakers are numbered: `speaker_1`, ..."""

    segments: tuple[TranscriptSegment, ...]
    text: str
    gaps: tuple[Gap, ...]
    speakers: tuple[Speaker, ...]
    turns: tuple[Turn, ...]
    diarization: DiarizedBy | None


def joined(heard: Sequence[StoredChunk], task: str, diarization: tuple[Diarization, DiarizedBy] | None) -> Joined:
    """All of a recording. Without a diarization nobody is known, and no segment has a speaker."""
    said, by = diarization or (Diarization((), ()), None)
    gaps = tuple(gap for chunk in heard if chunk.error_code for gap in gaps_of(chunk.plan, chunk.error_code))
    segments = stitch(_words(heard, task), gaps, said if by else None)
    spoke = [segment.speaker for segment in segments]
    numbers = speakers.numbered(said, spoke)
    return Joined(
        segments=tuple(_segment(number, segment, numbers) for number, segment in enumerate(segments)),
        text=plain_text(segments),
        gaps=gaps,
        speakers=speakers.about(said, numbers, spoke),
        turns=tuple(Turn(turn.start_s, turn.end_s, numbers[turn.speaker]) for turn in said.turns),
        diarization=by,
    )


def transcript(job: StoredJob, version: int, said: Joined, about: Mapping[str, str]) -> Transcript:
    """`about` is what the model says of itself; empty where nobody knows it any more."""
    return Transcript(
        id=str(job.id),
        version=version,
        language=job.language,
        language_probability=job.language_probability,
        duration_s=job.duration_s or 0.0,
        speech_s=job.speech_s or 0.0,
        model=_model_used(job, about),
        text=said.text,
        segments=said.segments,
        gaps=said.gaps,
        warnings=tuple(Notice(warning["code"], warning["message"]) for warning in job.warnings),
        created_at=datetime.now(UTC),
        speakers=said.speakers,
        turns=said.turns,
        diarization=said.diarization,
    )


def _words(heard: Sequence[StoredChunk], task: str) -> list[ChunkWords]:
    said = []
    for chunk in heard:
        if chunk.recognition:
            times = TimeMap(chunk.plan.spans)
            words = tuple(times.word(word) for word in chunk.recognition.words)
            said.append(ChunkWords(chunk.plan.index, words, language_of_text(chunk.recognition.language, task)))
    return said


def _segment(number: int, segment: Segment, numbers: Mapping[str, str]) -> TranscriptSegment:
    speaker = numbers[segment.speaker] if segment.speaker else None
    return TranscriptSegment(
        id=number,
        start_s=segment.start_s,
        end_s=segment.end_s,
        text=segment.text,
        confidence=segment.confidence,
        language=segment.language,
        speaker=speaker,
        words=tuple(
            TranscriptWord(word.start_s, word.end_s, word.text, word.probability, speaker, overlap)
            for word, overlap in zip(segment.words, segment.overlaps, strict=True)
        ),
    )


def _model_used(job: StoredJob, about: Mapping[str, str]) -> ModelUsed:
    return ModelUsed(
        name=about.get("model", job.options["model"]["name"]),
        engine=about.get("engine", "unknown"),
        tier=job.options["model"]["tier"],
        revision=about.get("revision", "unknown"),
        compute_type=about.get("compute_type", "unknown"),
    )
