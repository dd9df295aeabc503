"""Turns words into readable captions: at most two lines of 42 columns, on screen long enough, cut in the best places.

The limits are those of broadcasters: two lines of 42 characters, at most 7 s, and gaps under half a second closed (Netflix
Timed Text Style Guide, general requirements and English); at least 1 s, and 17 characters a second, the stricter of the two
speeds that the guide has given for adults. A wide East Asian character (UAX 11) takes two columns, a combining mark none.

Pure and deterministic. Times are whole milliseconds internally, as in caption files.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from voicepipe_wire.transcript.languages import CLAUSE_ENDS, SENTENCE_ENDS, last_mark

MAX_COLUMNS: Final = 42
MAX_LINES: Final = 2
MAX_LABEL_COLUMNS: Final = 30
MAX_MS: Final = 7_000
MIN_MS: Final = 1_000
COLUMNS_PER_S: Final = 17
CLOSED_GAP_MS: Final = 500
# Words after a pause of `PAUSE_MS` would be read before they are spoken; a pause of `BREATH_MS` is a good place to cut.
PAUSE_MS: Final = 1_000
BREATH_MS: Final = 300

# Costs for choosing captions; only their ratios matter.
COST_OF_CAPTION: Final = 4.0
COST_OF_CUT_AT_CLAUSE: Final = 3.0
COST_OF_CUT_IN_CLAUSE: Final = 10.0
COST_OF_EMPTY_SPACE: Final = 3.0
COST_OF_FLASH: Final = 10.0
# In columns: a line break that is not after punctuation must make the lines this much more even.
COST_OF_LINE_WITHOUT_MARK: Final = 10


@dataclass(frozen=True, slots=True)
class CaptionWord:
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class CaptionSegment:
    """Words that belong together. `spaced`: with a space between words. `standalone`: never shares a caption. `opens`: starts one."""

    words: tuple[CaptionWord, ...]
    spaced: bool = True
    speaker: str | None = None
    standalone: bool = False
    opens: bool = False


@dataclass(frozen=True, slots=True)
class Caption:
    """One or two lines, on screen in [start_ms, end_ms)."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word, or a fragment of a word wider than a line."""

    start_ms: int
    end_ms: int
    text: str
    columns: int
    space: int  # columns between it and the previous piece
    cut_cost: float  # cost of ending a caption after it
    opens: bool  # a caption must start here
    speaker: str | None


def captions(segments: Iterable[CaptionSegment], label: str = "") -> tuple[Caption, ...]:
    """The captions of a recording, in order and without overlap. Every word is in exactly one of them, in order.

    Segments and words must be sorted by time. Adjacent segments share a caption if they fit, unless the speaker changes
    or a pause of `PAUSE_MS` separates them. Each caption begins with the `label`, a name and a colon, which takes room from its words.
    """
    pieces = tuple(_pieces(segments))
    label = _shortened(label)
    cuts = _cheapest_cuts(pieces, columns(label) + 1 if label else 0)
    groups = [pieces[start:end] for start, end in pairwise(cuts)]
    starts: list[int] = []
    for group in groups:
        starts.append(max(group[0].start_ms, starts[-1] + 1 if starts else 0))
    limits = [*starts, math.inf][1:]
    return tuple(
        Caption(start_ms, _end_ms(group, start_ms, limit_ms), _lines(_labelled(label, group)), group[0].speaker)
        for group, start_ms, limit_ms in zip(groups, starts, limits, strict=True)
    )


def columns(text: str) -> int:
    """The width of the text on screen, in columns."""
    return len(text) if text.isascii() else sum(_width(char) for char in text)


def _width(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _pieces(segments: Iterable[CaptionSegment]) -> Iterator[_Piece]:
    before: CaptionSegment | None = None
    end_ms = 0
    for segment in segments:
        words = [word for word in segment.words if word.text.strip()]
        for index, word in enumerate(words):
            start_ms = round(word.start_s * 1000)
            first = index == 0
            opens = start_ms - end_ms >= PAUSE_MS or (first and _starts_caption(before, segment))
            end_ms = max(start_ms, round(word.end_s * 1000))
            following_s = words[index + 1].start_s if index + 1 < len(words) else math.inf
            cost = _cut_cost(word, following_s)
            space = 1 if segment.spaced or (first and before is not None and before.spaced) else 0
            yield from _word_pieces(
                " ".join(word.text.split()), start_ms, end_ms, space, cost, segment.speaker, opens=opens
            )
        before = segment if words else before


def _labelled(label: str, group: Sequence[_Piece]) -> Sequence[_Piece]:
    """The pieces of a caption behind its label."""
    if not label:
        return group
    first = replace(group[0], opens=False, text=label, columns=columns(label))
    return (first, replace(group[0], space=1), *group[1:])


def _shortened(label: str) -> str:
    """The label, cut so that it leaves the second line for a long word."""
    if columns(label) <= MAX_LABEL_COLUMNS:
        return label
    cut = label
    while columns(cut) > MAX_LABEL_COLUMNS - 2:
        cut = cut[:-1]
    return f"{cut.rstrip()}…:"


def _starts_caption(before: CaptionSegment | None, segment: CaptionSegment) -> bool:
    if before is None or before.standalone or before.speaker != segment.speaker:
        return True
    return segment.standalone or segment.opens


def _cut_cost(word: CaptionWord, following_s: float) -> float:
    if math.isinf(following_s) or last_mark(word.text) in SENTENCE_ENDS:
        return 0.0
    if last_mark(word.text) in CLAUSE_ENDS or round((following_s - word.end_s) * 1000) >= BREATH_MS:
        return COST_OF_CUT_AT_CLAUSE
    return COST_OF_CUT_IN_CLAUSE


def _word_pieces(
    text: str, start_ms: int, end_ms: int, space: int, cost: float, speaker: str | None, *, opens: bool
) -> Iterator[_Piece]:
    """A word as one piece, or as several no wider than a line; its time is divided by their columns."""
    texts = _hard_cut(text)
    total = max(1, columns(text))
    done = 0
    for index, part in enumerate(texts):
        first, last = index == 0, index == len(texts) - 1
        width = columns(part)
        yield _Piece(
            start_ms=start_ms + (end_ms - start_ms) * done // total,
            end_ms=start_ms + (end_ms - start_ms) * (done + width) // total,
            text=part,
            columns=width,
            space=space if first else 0,
            cut_cost=cost if last else COST_OF_CUT_IN_CLAUSE,
            opens=opens and first,
            speaker=speaker,
        )
        done += width


def _hard_cut(text: str) -> list[str]:
    if columns(text) <= MAX_COLUMNS:
        return [text]
    parts, width = [""], 0
    for char in text:
        if width + _width(char) > MAX_COLUMNS:
            parts.append("")
            width = 0
        parts[-1] += char
        width += _width(char)
    return parts


def _cheapest_cuts(pieces: Sequence[_Piece], taken: int) -> list[int]:
    """The starts of the captions, and the end: the cheapest way to cut (dynamic programming, one step per caption).

    `taken` columns of the first line of each are not free.
    """
    cost = [0.0] + [math.inf] * len(pieces)
    previous_cut = [0] * (len(pieces) + 1)
    for start in range(len(pieces)):
        for end, price in _captions_from(pieces, start, taken):
            if cost[start] + price < cost[end]:
                cost[end], previous_cut[end] = cost[start] + price, start
    cuts = [len(pieces)]
    while cuts[-1]:
        cuts.append(previous_cut[cuts[-1]])
    return cuts[::-1]


def _captions_from(pieces: Sequence[_Piece], start: int, taken: int) -> Iterator[tuple[int, float]]:
    """Every caption that can start at a piece: the index after its last piece, and its cost. There is at least one."""
    lines, width, total = 1, taken, taken
    for index in range(start, len(pieces)):
        piece = pieces[index]
        if index > start and (piece.opens or piece.end_ms - pieces[start].start_ms > MAX_MS):
            return
        space = piece.space if index > start else 0
        total += space + piece.columns
        width += space + piece.columns
        if width > MAX_COLUMNS:
            lines, width = lines + 1, piece.columns
        if lines > MAX_LINES:
            return
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        yield index + 1, _price(pieces[start], piece, following, total)


def _price(first: _Piece, last: _Piece, following: _Piece | None, total: int) -> float:
    """The cost of a caption: low if cut after a sentence or clause, well filled, and on screen long enough to read."""
    cut = 0.0 if following is None or following.opens else last.cut_cost
    empty = max(0.0, 1 - total / (MAX_COLUMNS * MAX_LINES))
    wanted_ms = _reading_ms(total)
    shown_ms = wanted_ms if following is None else min(wanted_ms, following.start_ms - first.start_ms)
    return (
        COST_OF_CAPTION + cut + COST_OF_EMPTY_SPACE * empty**2 + COST_OF_FLASH * (1 - max(0, shown_ms) / wanted_ms) ** 2
    )


def _reading_ms(total: int) -> int:
    return min(MAX_MS, max(MIN_MS, total * 1000 // COLUMNS_PER_S))


def _end_ms(group: Sequence[_Piece], start_ms: int, limit_ms: float) -> int:
    """The end: after the speech and the reading time, but not in the next caption. A short gap before that is closed."""
    wanted_ms = min(start_ms + MAX_MS, max(group[-1].end_ms, start_ms + _reading_ms(_columns(group))))
    if limit_ms - wanted_ms < CLOSED_GAP_MS and limit_ms - start_ms <= MAX_MS:
        return int(limit_ms)
    return int(min(wanted_ms, limit_ms))


def _lines(group: Sequence[_Piece]) -> tuple[str, ...]:
    """One line if it fits; else two, of even length or broken after punctuation, with the longer one below."""
    if _columns(group) <= MAX_COLUMNS:
        return (_text(group),)

    def unevenness(cut: int) -> tuple[int, int]:
        above, below = _columns(group[:cut]), _columns(group[cut:])
        if max(above, below) > MAX_COLUMNS:
            return MAX_COLUMNS * MAX_LINES, cut
        unmarked = 0 if group[cut - 1].cut_cost < COST_OF_CUT_IN_CLAUSE else COST_OF_LINE_WITHOUT_MARK
        return abs(above - below) + unmarked + (above > below), cut

    cut = min(range(1, len(group)), key=unevenness)
    return _text(group[:cut]), _text(group[cut:])


def _text(group: Sequence[_Piece]) -> str:
    return "".join(" " * piece.space * (index > 0) + piece.text for index, piece in enumerate(group))


def _columns(group: Sequence[_Piece]) -> int:
    return sum(piece.columns + piece.space for piece in group) - group[0].space
