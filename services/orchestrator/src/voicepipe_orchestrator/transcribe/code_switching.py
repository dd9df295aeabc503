"""Which language is spoken where within a chunk. Pure.

Whisper writes down the speech of one language, the one that it is told, and leaves out the rest without a word: of a chunk that
is half Spanish and half English it returns either half, with confidence. What gives a mixture away are the language
probabilities, which share out in such a chunk as its speech does (measured with Whisper base: 17 s of Spanish and English in
turn had 0.52 and 0.48). So such a chunk is cut at its pauses, every piece is asked for its language, and neighbours of one
language are transcribed together.

Probabilities also share out where one language is hard to understand (English over a bad line is partly Welsh to Whisper base).
So a stretch in another language than the chunk's is transcribed in both, and the more_confident answer counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from voicepipe_orchestrator.domain import SAMPLE_RATE, Recognition

from .word_timing import Pause

# A tenth of a chunk of 28 s is one short sentence. Where the model cannot tell the language at all, less will do.
MIN_MIXED_PROBABILITY: Final = 0.1
UNDECIDED_BELOW: Final = 0.5
MIN_MIXED_PROBABILITY_IF_UNDECIDED: Final = 0.05
# What Whisper base made of noise and mumbling in a language that nobody spoke had -0.94 and less, real changes -0.34 and more.
MIN_AVG_LOGPROB: Final = -0.5
MIN_PIECE_S: Final = 1.2
MAX_PIECES: Final = 6
# Shorter silences are within words.
MIN_PAUSE_S: Final = 0.15


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples [start, end) of a chunk, in one language."""

    start: int
    end: int
    language: str


def spoken_languages(recognition: Recognition) -> tuple[str, ...]:
    """The languages that may be spoken in a chunk, its own first; one where nothing speaks for a mixture."""
    undecided = max(recognition.languages.values(), default=1.0) < UNDECIDED_BELOW
    least = MIN_MIXED_PROBABILITY_IF_UNDECIDED if undecided else MIN_MIXED_PROBABILITY
    others = (
        code
        for code, probability in recognition.languages.items()
        if probability >= least and code != recognition.language
    )
    return (recognition.language, *others)


def more_confident(usual: Recognition, other: Recognition) -> Recognition:
    """Of a stretch heard in the usual and in another language, the answer to believe."""
    is_likely = other.avg_logprob >= MIN_AVG_LOGPROB and bool(other.words)
    return other if is_likely and other.avg_logprob > usual.avg_logprob else usual


def cut_points(pauses: Sequence[Pause], samples: int) -> tuple[int, ...]:
    """Samples in the middle of pauses at which the chunk falls into pieces; none shorter than `MIN_PIECE_S`, few in all."""
    shortest = max(int(MIN_PIECE_S * SAMPLE_RATE), samples // MAX_PIECES)
    found: list[int] = []
    for pause in pauses:
        middle = int((pause.start_s + pause.end_s) / 2 * SAMPLE_RATE)
        since = middle - (found[-1] if found else 0)
        if pause.length_s >= MIN_PAUSE_S and since >= shortest and samples - middle >= shortest:
            found.append(middle)
    return tuple(found)


def stretches(
    edges: Sequence[int], heard: Sequence[Mapping[str, float]], candidates: Sequence[str]
) -> tuple[Stretch, ...]:
    """Neighbouring pieces of one language as one stretch.

    Piece n has samples [edges[n], edges[n + 1]) and the language probabilities `heard[n]`. Only `candidates` count; where none of
    them is among the probabilities, the first one does.
    """
    joined: list[Stretch] = []
    for start, end, probabilities in zip(edges, edges[1:], heard, strict=False):
        language = max(candidates, key=lambda code: probabilities.get(code, 0.0))
        if joined and joined[-1].language == language:
            joined[-1] = Stretch(joined[-1].start, end, language)
        else:
            joined.append(Stretch(start, end, language))
    return tuple(joined)
