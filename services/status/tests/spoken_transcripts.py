"""Completed transcriptions of two speakers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from voicepipe_wire.transcript.document import ModelUsed, Speaker, Transcript, TranscriptSegment, TranscriptWord
from voicepipe_wire.transcript.media import AudioTrack, Media
from voicepipe_wire.transcript.turns import DiarizedBy, Turn

from .conftest import Pipeline

FORMATS = ("json", "txt", "srt", "vtt", "rttm")
# A film with three tracks, the second of which was heard.
INTERPRETED = Media(
    container="matroska,webm",
    codec="aac",
    sample_rate_hz=44_100,
    channels=6,
    channel_mode="mix",
    channel_reason="several",
    track=2,
    tracks=(
        AudioTrack(1, "opus", 2, 48_000, "silent", is_default=True, language="eng", title="Floor"),
        AudioTrack(2, "aac", 6, 44_100, "heard", title="Interpreter"),
        AudioTrack(3, "unknown", 0, 0, "undecodable"),
    ),
    decoded_duration_s=61.5,
    stated_duration_s=60.0,
    recordings=2,
    inverted_channels=(2, 3),
)


def spoken(job_id: UUID, version: int) -> Transcript:
    """A transcript of two speakers with one word each."""
    words = tuple(
        TranscriptWord(3.0 * i, 3.0 * i + 1, text, 0.9, f"speaker_{i + 1}") for i, text in enumerate(("Tea?", "Yes."))
    )
    segments = tuple(
        TranscriptSegment(i, word.start_s, word.end_s, word.text, 0.9, "en", word.speaker, (word,))
        for i, word in enumerate(words)
    )
    return Transcript(
        id=str(job_id),
        version=version,
        language="en",
        language_probability=0.99,
        duration_s=10.0,
        speech_s=5.0,
        model=ModelUsed("whisper", "ctranslate2", "accurate", "abc", "int8"),
        text="Tea? Yes.",
        segments=segments,
        gaps=(),
        warnings=(),
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        speakers=tuple(Speaker(f"speaker_{n}", f"Speaker {n}", 1.0, 0.5, 1, "#1f77b4") for n in (1, 2)),
        turns=(Turn(0.0, 1.0, "speaker_1"), Turn(3.0, 4.0, "speaker_2")),
        diarization=DiarizedBy("community-1", "abc"),
    )


async def completed(pipeline: Pipeline, owner_id: UUID, *versions: int, **changes: Any) -> UUID:
    """A completed job with these transcript versions; `changes` are applied to the document."""
    job_id = await pipeline.job(owner_id, state="completed", finished_at=datetime.now(UTC))
    for version in versions or (1,):
        document = replace(spoken(job_id, version), **changes).to_json()
        await pipeline.pool.execute(
            "INSERT INTO transcripts (job_id, owner_id, version, document) VALUES ($1, $2, $3, $4)",
            job_id,
            owner_id,
            version,
            document,
        )
    return job_id
