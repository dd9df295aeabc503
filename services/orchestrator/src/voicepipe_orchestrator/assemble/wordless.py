"""Finds where the detector heard speech and the model gave no words. Pure.

Transcription has already tried such chunks again. What is left is speech that the model skipped, or a sound that resembles speech, such as
singing or laughter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voicepipe_orchestrator.chunks import StoredChunk
from voicepipe_orchestrator.domain import SAMPLE_RATE, ChunkPlan, holes

from .timemap import TimeMap


@dataclass(frozen=True, slots=True)
class Wordless:
    """`duration_s` of a chunk without a word, from `start_s` in the PCM."""

    plan: ChunkPlan
    start_s: float
    duration_s: float


def wordless(chunks: Sequence[StoredChunk]) -> tuple[Wordless, ...]:
    """The stretches of recognized chunks without a word: chunks that have none, and the holes between words."""
    return tuple(stretch for chunk in chunks for stretch in _of(chunk))


def _of(chunk: StoredChunk) -> Iterator[Wordless]:
    plan = chunk.plan
    words = chunk.recognition.words if chunk.recognition else ()
    if not words:
        if plan.speech_s > 0:
            yield Wordless(plan, plan.spans[0].start / SAMPLE_RATE, plan.speech_s)
        return
    times = TimeMap(plan.spans)
    for start_s, end_s in holes(words, times.length_s):
        yield Wordless(plan, times.start(start_s), end_s - start_s)
