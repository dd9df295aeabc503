"""Builds the document that clients read, from chunks and turns. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from voicepipe_orchestrator.domain import Segment, Voice, voice_of

from .speakers import number_speakers, summarize_speakers
from .stitch import ChunkWords, gaps_of, plain_text, stitch
from .timemap import TimeMap
from .voices import VoiceWords, merge


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
    stored_chunks: Sequence[StoredChunk],
    task: str,
    stored_diarization: tuple[Diarization, DiarizedBy] | None,
    voice_samples: int | None = None,
) -> TranscriptContent:
    """The content of a whole recording. Without a diarization no segment has a speaker.

    `voice_samples` is the length of each voice if the channels were transcribed apart: then they are the speakers. None for a mix.
    """
    if voice_samples is not None:
        return _of_voices(stored_chunks, task, voice_samples)
    diarization, diarized_by = stored_diarization or (Diarization((), ()), None)
    gaps = _gaps(stored_chunks)
    segments = stitch(_chunk_words(stored_chunks, task), gaps, diarization if diarized_by else None)
    segment_speakers = [segment.speaker for segment in segments]
    ids = number_speakers(diarization, segment_speakers)
    speakers = summarize_speakers(diarization, ids, segment_speakers)
    return _content(stored_chunks, segments, gaps, diarization, ids, speakers, diarized_by)


def _of_voices(stored_chunks: Sequence[StoredChunk], task: str, voice_samples: int) -> TranscriptContent:
    parts = [
        VoiceWords(voice, _chunk_words(chunks, task, voice.start_s), _gaps(chunks, voice.start_s))
        for voice, chunks in _by_voice(stored_chunks, voice_samples)
    ]
    merged = merge(parts)
    ids = {part.voice.name: f"speaker_{part.voice.number + 1}" for part in parts}
    speakers = summarize_speakers(merged.diarization, ids, [segment.speaker for segment in merged.segments])
    named = tuple(replace(speaker, name=name) for speaker, name in zip(speakers, ids, strict=True))
    return _content(stored_chunks, merged.segments, merged.gaps, merged.diarization, ids, named, None)


def _content(
    stored_chunks: Sequence[StoredChunk],
    segments: Sequence[Segment],
    gaps: tuple[Gap, ...],
    diarization: Diarization,
    ids: Mapping[str, str],
    speakers: tuple[Speaker, ...],
    diarized_by: DiarizedBy | None,
) -> TranscriptContent:
    return TranscriptContent(
        segments=tuple(_segment(number, segment, ids) for number, segment in enumerate(segments)),
        text=plain_text(segments),
        gaps=gaps,
        speakers=speakers,
        turns=tuple(Turn(turn.start_s, turn.end_s, ids[turn.speaker]) for turn in diarization.turns),
        diarization=diarized_by,
        models=_models_of(stored_chunks),
    )


def _by_voice(stored_chunks: Sequence[StoredChunk], voice_samples: int) -> list[tuple[Voice, list[StoredChunk]]]:
    """The chunks of each voice that has any, in the order of the channels."""
    chunks: dict[Voice, list[StoredChunk]] = {}
    for chunk in stored_chunks:
        chunks.setdefault(voice_of(chunk.plan, voice_samples), []).append(chunk)
    return sorted(chunks.items(), key=lambda each: each[0].number)


def _gaps(stored_chunks: Sequence[StoredChunk], start_s: float = 0.0) -> tuple[Gap, ...]:
    return tuple(
        Gap(gap.start_s - start_s, gap.end_s - start_s, gap.code)
        for chunk in stored_chunks
        if chunk.error_code
        for gap in gaps_of(chunk.plan, chunk.error_code)
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


def _chunk_words(stored_chunks: Sequence[StoredChunk], task: str, start_s: float = 0.0) -> list[ChunkWords]:
    """The words with times of the recording. `start_s` is where in the PCM its voice starts."""
    chunks = []
    for chunk in stored_chunks:
        if chunk.recognition:
            times = TimeMap(chunk.plan.spans)
            placed = (times.word(word) for word in chunk.recognition.words)
            words = tuple(replace(word, start_s=word.start_s - start_s, end_s=word.end_s - start_s) for word in placed)
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
