"""Tokens to words with times, and timestamp tokens to segments. Pure.

A word starts at a space, or, in languages written without spaces, at every character; punctuation joins its neighbour.
This is openai-whisper's rule (`tokenizer.py`, `timing.py`) with two exceptions: a mark inside a word does not end it
(3.5, U.S.), and a mark after a space may belong to the preceding word (French).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .vocabulary import Piece, Vocabulary

FRAME_S = 0.02  # one encoder output stands for 20 ms
WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
FIRST_UNSPACED = 0x0E00
_QUOTES = frozenset("\"'")  # opening if a space precedes, else closing
_OPENING = frozenset("“¿([{-") | _QUOTES
_CLOSING = frozenset(".。,，!！?？:：”)]}、") | _QUOTES  # noqa: RUF001 - full-width on purpose


@dataclass(frozen=True, slots=True)
class TimedWord:
    """Times are seconds from the start of the chunk; the text has no surrounding spaces."""

    start_s: float
    end_s: float
    text: str
    probability: float


def split(pieces: Sequence[Piece], language: str) -> list[Piece]:
    """Join pieces into words, each with its leading space; the token counts add up."""
    words: list[Piece] = []
    for piece in pieces:
        _append(words, piece, joins=not piece.text.startswith(" ") and not _stands_alone(piece, words, language))
    merged: list[Piece] = []
    for word in words:
        _append(merged, word, joins=_closes(word) or bool(merged and _opens(merged[-1])))
    return merged


def _stands_alone(piece: Piece, words: Sequence[Piece], language: str) -> bool:
    """Whether a piece without a leading space starts a word.

    So it does in a language without spaces, unless it continues a foreign word.
    """
    if language not in WITHOUT_SPACES:
        return False
    return not (words and _is_spaced(piece.text) and _is_spaced(words[-1].text))


def _is_spaced(text: str) -> bool:
    """Whether the text is in a script that separates words by spaces: all its letters are below the Thai block."""
    letters = [char for char in text if char.isalnum()]
    return bool(letters) and all(ord(char) < FIRST_UNSPACED for char in letters)


def _append(words: list[Piece], piece: Piece, *, joins: bool) -> None:
    if words and joins:
        words[-1] = _joined(words[-1], piece)
    else:
        words.append(piece)


def _opens(word: Piece) -> bool:
    mark = word.text.strip()
    return mark in _OPENING and (mark not in _QUOTES or word.text.startswith(" "))


def _closes(word: Piece) -> bool:
    mark = word.text.strip()
    return mark in _CLOSING and (mark not in _QUOTES or not word.text.startswith(" "))


def _joined(first: Piece, second: Piece) -> Piece:
    return Piece(first.text + second.text, first.tokens + second.tokens)


def timed(
    words: Sequence[Piece],
    alignment: Sequence[tuple[int, int]],
    probabilities: Sequence[float],
    duration_s: float,
) -> list[TimedWord]:
    """Words with times.

    `alignment` is the path of dynamic time warping as pairs (token, encoder frame); an extra token after the last one
    marks the end. A word lasts from the first frame of its first token to the first frame of the token after it. Its
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
    """The first frame of every token; a token that the path skips has that of the token before it."""
    first: dict[int, int] = {}
    for token, frame in alignment:
        first.setdefault(token, frame)
    frames: list[int] = []
    for token in range(tokens):
        frames.append(first.get(token, frames[-1] if frames else 0))
    return frames


def segments(tokens: Sequence[int], vocabulary: Vocabulary, duration_s: float) -> list[tuple[float, float, str]]:
    """(start_s, end_s, text) between timestamp tokens; text after the last timestamp ends with the chunk."""
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
