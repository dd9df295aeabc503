"""Finds the languages that are spoken within one chunk, and where. Pure.

Whisper transcribes the language that the request names and silently omits speech in others: for a chunk that is half
Spanish and half English it confidently returns one of the halves. The mixture shows in the language probabilities,
which divide as the speech does (measured with Whisper base: 17 s of alternating Spanish and English had 0.52 and 0.48).
Such a chunk is cut at its pauses, the language of every piece is detected, and adjacent pieces in one language are
transcribed together.

Probabilities also divide if speech is hard to understand (English over a poor line is partly Welsh to Whisper base). So
a stretch in another language than the chunk's is transcribed in both, and the more confident result is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from voicepipe_orchestrator.domain import SAMPLE_RATE, Recognition

from .word_timing import Pause

# A tenth of a chunk of 28 s is one short sentence. If no language is likely, a lower probability is enough.
MIN_MIXED_PROBABILITY: Final = 0.1
UNDECIDED_BELOW: Final = 0.5
MIN_MIXED_PROBABILITY_IF_UNDECIDED: Final = 0.05
# With Whisper base, noise and mumbling in a language that was not spoken had -0.94 or less, real changes of language
# -0.34 or more.
MIN_AVG_LOGPROB: Final = -0.5
MIN_PIECE_S: Final = 1.2
MAX_PIECES: Final = 6
# Shorter silences occur within words.
MIN_PAUSE_S: Final = 0.15


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples [start, end) of a chunk, in one language."""

    start: int
    end: int
    language: str


def spoken_languages(recognition: Recognition) -> tuple[str, ...]:
    """The languages that may be spoken in a chunk, its own first; only that one if nothing indicates a mixture."""
    undecided = max(recognition.languages.values(), default=1.0) < UNDECIDED_BELOW
    least = MIN_MIXED_PROBABILITY_IF_UNDECIDED if undecided else MIN_MIXED_PROBABILITY
    others = (
        code
        for code, probability in recognition.languages.items()
        if probability >= least and code != recognition.language
    )
    return (recognition.language, *others)


def more_confident(usual: Recognition, other: Recognition) -> Recognition:
    """The result to keep for a stretch that was recognized in the usual and in another language."""
    is_likely = other.avg_logprob >= MIN_AVG_LOGPROB and bool(other.words)
    return other if is_likely and other.avg_logprob > usual.avg_logprob else usual


def cut_points(pauses: Sequence[Pause], samples: int) -> tuple[int, ...]:
    """Where to cut the chunk: samples in the middle of pauses.

    Pieces last at least `MIN_PIECE_S`; there are at most `MAX_PIECES`.
    """
    shortest = max(int(MIN_PIECE_S * SAMPLE_RATE), samples // MAX_PIECES)
    points: list[int] = []
    for pause in pauses:
        middle = int((pause.start_s + pause.end_s) / 2 * SAMPLE_RATE)
        since = middle - (points[-1] if points else 0)
        if pause.length_s >= MIN_PAUSE_S and since >= shortest and samples - middle >= shortest:
            points.append(middle)
    return tuple(points)


def stretches(
    edges: Sequence[int], probabilities: Sequence[Mapping[str, float]], candidates: Sequence[str]
) -> tuple[Stretch, ...]:
    """Adjacent pieces in one language joined to stretches.

    Piece n has samples [edges[n], edges[n + 1]) and the language probabilities `probabilities[n]`. Its language is the
    likeliest of `candidates`, the first one if none of them is among the probabilities.
    """
    joined: list[Stretch] = []
    for start, end, of_piece in zip(edges, edges[1:], probabilities, strict=False):
        language = max(candidates, key=lambda code: of_piece.get(code, 0.0))
        if joined and joined[-1].language == language:
            joined[-1] = Stretch(joined[-1].start, end, language)
        else:
            joined.append(Stretch(start, end, language))
    return tuple(joined)
