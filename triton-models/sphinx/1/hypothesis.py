"""From the segments of PocketSphinx to words. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FRAME_S = 0.01  # PocketSphinx's frame rate is 100 per second

_FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")  # <s>, <sil>, [NOISE], ++UH++
_ALTERNATE = re.compile(r"\(\d+\)$")  # the(2): the second pronunciation of the


@dataclass(frozen=True, slots=True)
class Heard:
    """One segment: a dictionary entry, its first and last frame, its posterior probability in the lattice."""

    entry: str
    first_frame: int
    last_frame: int
    probability: float


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """Times in seconds from the start of the chunk."""

    start_s: float
    end_s: float
    text: str
    probability: float


def spoken(segments: Iterable[Heard], duration_s: float) -> list[SpokenWord]:
    """Words without fillers and without numbers of pronunciations; times never pass the end of the audio."""
    words = []
    for segment in segments:
        if _FILLER.fullmatch(segment.entry):
            continue
        start_s = min(segment.first_frame * FRAME_S, duration_s)
        end_s = min((segment.last_frame + 1) * FRAME_S, duration_s)
        probability = round(min(max(segment.probability, 0.0), 1.0), 4)
        words.append(SpokenWord(round(start_s, 3), round(end_s, 3), _ALTERNATE.sub("", segment.entry), probability))
    return words


def mean_logprob(words: Sequence[SpokenWord]) -> float:
    """Log of the mean probability of the words, 0 without words; there are no tokens to take a mean of logs from."""
    if not words:
        return 0.0
    return round(math.log(max(sum(word.probability for word in words) / len(words), 1e-10)), 6)
