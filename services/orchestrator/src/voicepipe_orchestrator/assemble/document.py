"""Builds the document that clients read, from chunks and turns. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

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

from .speakers import number_speakers, summarize_speakers
from .stitch import ChunkWords, gaps_of, plain_text, stitch
from .timemap import TimeMap


@dataclass(frozen=True, slots=True)
class TranscriptContent:
    """The segments, gaps and speakers of a recording. Speakers are numbered: `speaker_1`, ..."""

    segments: tuple[TranscriptSegment, ...]
    text: str
    gaps: tuple[Gap, ...]
    speakers: tuple[Speaker, ...]
    turns: tuple[Turn, ...]
    diarization: DiarizedBy | None
    # Those that recognized the chunks, as they describe themselves; that of most chunks first.
    models: tuple[Mapping[str, str], ...]


def build_content(
    stored_chunks: Sequence[StoredChunk], task: str, stored_diarization: tuple[Diarization, DiarizedBy] | None
) -> TranscriptContent:
    """The content of a whole recording. Without a diarization no segment has a speaker."""
    diarization, diarized_by = stored_diarization or (Diarization((), ()), None)
    gaps = tuple(gap for chunk in stored_chunks if chunk.error_code for gap in gaps_of(chunk.plan, chunk.error_code))
    segments = stitch(_chunk_words(stored_chunks, task), gaps, diarization if diarized_by else None)
    segment_speakers = [segment.speaker for segment in segments]
    ids = number_speakers(diarization, segment_speakers)
    return TranscriptContent(
        segments=tuple(_segment(number, segment, ids) for number, segment in enumerate(segments)),
        text=plain_text(segments),
        gaps=gaps,
        speakers=summarize_speakers(diarization, ids, segment_speakers),
        turns=tuple(Turn(turn.start_s, turn.end_s, ids[turn.speaker]) for turn in diarization.turns),
        diarization=diarized_by,
        models=_models_of(stored_chunks),
    )


def build_transcript(job: StoredJob, version: int, content: TranscriptContent, created_at: datetime) -> Transcript:
    models = tuple(_model_used(job, model) for model in content.models)
    return Transcript(
        id=str(job.id),
        version=version,
        language=job.language,
        language_probability=job.language_probability,
        duration_s=job.duration_s or 0.0,
        speech_s=job.speech_s or 0.0,
        model=models[0] if models else _model_used(job, {}),
        models=models,
        text=content.text,
        segments=content.segments,
        gaps=content.gaps,
        warnings=tuple(Notice(**warning) for warning in job.warnings),
        created_at=created_at,
        speakers=content.speakers,
        turns=content.turns,
        diarization=content.diarization,
        media=job.media,
    )


def _chunk_words(stored_chunks: Sequence[StoredChunk], task: str) -> list[ChunkWords]:
    chunks = []
    for chunk in stored_chunks:
        if chunk.recognition:
            times = TimeMap(chunk.plan.spans)
            words = tuple(times.word(word) for word in chunk.recognition.words)
            chunks.append(ChunkWords(chunk.plan.index, words, language_of_text(chunk.recognition.language, task)))
    return chunks


def _models_of(stored_chunks: Sequence[StoredChunk]) -> tuple[Mapping[str, str], ...]:
    """The models whose words the transcript has. Of chunks that an earlier version recognized, the model is not known."""
    used = Counter(tuple((chunk.transcribed_by or {}).items()) for chunk in stored_chunks if chunk.recognition)
    return tuple(dict(model) for model, _ in used.most_common())


def _segment(number: int, segment: Segment, ids: Mapping[str, str]) -> TranscriptSegment:
    speaker = ids[segment.speaker] if segment.speaker else None
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


def _model_used(job: StoredJob, model: Mapping[str, str]) -> ModelUsed:
    """`model` is its description of itself; empty if it is not known."""
    return ModelUsed(
        name=model.get("model", job.options["model"]["name"]),
        engine=model.get("engine", "unknown"),
        tier=job.options["model"]["tier"],
        revision=model.get("revision", "unknown"),
        compute_type=model.get("compute_type", "unknown"),
    )
