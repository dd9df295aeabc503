"""From tokens to words with times, and from timestamp tokens to segments. Pure.

Where words begin is openai-whisper's rule (`tokenizer.py`, `timing.py`): at a space, or, in languages written without
spaces, at every character; punctuation then joins its neighbour.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .vocabulary import Piece, Vocabulary

FRAME_S = 0.02  # one encoder output stands for 20 ms
WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
_OPENING = frozenset("\"'“¿([{-")
_CLOSING = frozenset("\"'.。,，!！?？:：”)]}、")  # noqa: RUF001 - full-width on purpose


@dataclass(frozen=True, slots=True)
class TimedWord:
    """Times in seconds from the start of the chunk; the text has no spaces around it."""

    start_s: float
    end_s: float
    text: str
    probability: float


def split(pieces: Sequence[Piece], language: str) -> list[Piece]:
    """Words with the spaces before them; the token counts are kept."""
    words: list[Piece] = []
    for piece in pieces:
        alone = language in WITHOUT_SPACES or piece.text.startswith(" ") or piece.text.strip() in string.punctuation
        words = [*words, piece] if alone or not words else [*words[:-1], _joined(words[-1], piece)]
    return _with_punctuation(words)


def _with_punctuation(words: Sequence[Piece]) -> list[Piece]:
    """Opening marks join the word after them, closing marks the word before."""
    merged: list[Piece] = []
    for word in words:
        mark = word.text.strip()
        follows_opening = bool(merged) and merged[-1].text.startswith(" ") and merged[-1].text.strip() in _OPENING
        closes = mark in _CLOSING and not word.text.startswith(" ")
        if merged and (follows_opening or closes or not mark):
            merged[-1] = _joined(merged[-1], word)
        else:
            merged.append(word)
    return merged


def _joined(first: Piece, second: Piece) -> Piece:
    return Piece(first.text + second.text, first.tokens + second.tokens)


def timed(
    words: Sequence[Piece],
    alignment: Sequence[tuple[int, int]],
    probabilities: Sequence[float],
    duration_s: float,
) -> list[TimedWord]:
    """Words with times.

    `alignment` is the path of dynamic time warping as pairs (token, encoder frame), with one row more than there are tokens:
    the end. A word lasts from the first frame of its first token to the first frame of the token after it. Its
    probability is the geometric mean of its tokens' probabilities.
    """
    boundaries = np.cumsum([0, *(word.tokens for word in words)])
    starts = _first_frames(alignment, int(boundaries[-1]) + 1)
    timed_words = []
    for word, (first, after) in zip(words, pairwise(boundaries), strict=True):
        start_s = min(starts[first] * FRAME_S, duration_s)
        end_s = min(max(starts[after] * FRAME_S, start_s), duration_s)
        mean = float(np.exp(np.mean(np.log(np.maximum(probabilities[first:after], 1e-10)))))
        timed_words.append(TimedWord(round(start_s, 3), round(end_s, 3), word.text.strip(), round(mean, 4)))
    return [word for word in timed_words if word.text]


def _first_frames(alignment: Sequence[tuple[int, int]], tokens: int) -> list[int]:
    """The first frame of every token; a token that the path skips starts where the one before it did."""
    first: dict[int, int] = {}
    for token, frame in alignment:
        first.setdefault(token, frame)
    frames: list[int] = []
    for token in range(tokens):
        frames.append(first.get(token, frames[-1] if frames else 0))
    return frames


def segments(tokens: Sequence[int], vocabulary: Vocabulary, duration_s: float) -> list[tuple[float, float, str]]:
    """(start_s, end_s, text) between the model's timestamp tokens; text after the last one ends with the chunk."""
    found: list[tuple[float, float, str]] = []
    start_s, held = 0.0, list[int]()
    for token in tokens:
        if vocabulary.is_text(token):
            held.append(token)
        elif token >= vocabulary.first_timestamp:
            time_s = min(vocabulary.timestamp_s(token), duration_s)
            found += _segment(start_s, time_s, vocabulary.text(held))
            start_s, held = time_s, []
    return found + _segment(start_s, duration_s, vocabulary.text(held))


def _segment(start_s: float, end_s: float, text: str) -> list[tuple[float, float, str]]:
    return [(round(start_s, 3), round(max(start_s, end_s), 3), text.strip())] if text.strip() else []
