"""Finds where the detector heard speech and the model gave no words. Pure.

Silence of a second or more is not in a chunk, so a long stretch of it without a word is speech that was skipped, or a sound
like speech: music with a voice, laughter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from voicepipe_orchestrator.chunks import StoredChunk
from voicepipe_orchestrator.domain import SAMPLE_RATE, ChunkPlan

from .timemap import TimeMap

# Nobody pauses that long without silence, and no error of the word times is that large.
LONGEST_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Wordless:
    """`duration_s` of a chunk without a word, from `start_s` in the PCM."""

    plan: ChunkPlan
    start_s: float
    duration_s: float


def wordless(chunks: Sequence[StoredChunk]) -> tuple[Wordless, ...]:
    """The stretches of recognized chunks without a word: chunks that have none, and more than `LONGEST_S` between words."""
    return tuple(stretch for chunk in chunks for stretch in _of(chunk))


def _of(chunk: StoredChunk) -> Iterator[Wordless]:
    plan = chunk.plan
    words = chunk.recognition.words if chunk.recognition else ()
    if not words:
        if plan.speech_s > 0:
            yield Wordless(plan, plan.spans[0].start / SAMPLE_RATE, plan.speech_s)
        return
    times = TimeMap(plan.spans)
    edges = [(0.0, 0.0), *((word.start_s, word.end_s) for word in words), (times.length_s, times.length_s)]
    for (_, end_s), (start_s, _) in pairwise(edges):
        if start_s - end_s > LONGEST_S:
            yield Wordless(plan, times.start(end_s), start_s - end_s)
