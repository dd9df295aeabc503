"""Joins the words of all chunks and cuts them into the segments of one transcript. Pure.

The result does not depend on the order in which the chunks arrive: words are put in the order of the recording, and
times are corrected so that they never run backwards. Segments end where a reader expects it. Words without punctuation
give readable segments too: they are cut at pauses, and a segment that is still too long at the best place in its
middle. With a diarization, a segment has one speaker.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Final

from voicepipe_wire.transcript.document import Gap
from voicepipe_wire.transcript.languages import CLAUSE_ENDS, SENTENCE_ENDS, join_words, last_mark, separator
from voicepipe_wire.transcript.turns import Diarization

from voicepipe_orchestrator.domain import SAMPLE_RATE, ChunkPlan, Segment, Word

from .speakers import NO_SPEAKER, SpeakerLabel, label_words, smooth_flips

# Longer than nearly all errors of aligned word times (95 % within 0.62 s with the fixture model), so that an error does
# not cut a sentence; not longer than that, because without punctuation pauses are the only places to cut.
PAUSE_S: Final = 0.8
MAX_SEGMENT_S: Final = 30.0
MAX_SEGMENT_WORDS: Final = 60
# When a long piece is cut, a comma counts as this much pause.
CLAUSE_WORTH_S: Final = 0.3
# Spans of a failed chunk that are no further apart than this are shown as one gap.
GAP_REACH_S: Final = 5.0
# Prevents a word of probability 0 from making the confidence of its segment 0.
MIN_PROBABILITY: Final = 1e-4

ABBREVIATIONS: Final = frozenset({"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "no.", "jr.", "sr."})
INITIALS: Final = re.compile(r"(?:[^\W\d_]\.)+")


@dataclass(frozen=True, slots=True)
class ChunkWords:
    """The words of the chunk `index`, with times of the recording.

    `language` is that of words that have none of their own.
    """

    index: int
    words: tuple[Word, ...]
    language: str


@dataclass(frozen=True, slots=True)
class _SpokenWord:
    word: Word
    language: str
    label: SpeakerLabel = NO_SPEAKER


def stitch(
    chunks: Iterable[ChunkWords], gaps: Iterable[Gap] = (), diarization: Diarization | None = None
) -> tuple[Segment, ...]:
    """The segments of the recording, in order; every word of every chunk is in exactly one.

    A segment ends with a sentence, before a pause of `PAUSE_S`, before another language or speaker, and before a gap.
    It has at most `MAX_SEGMENT_WORDS` words, and lasts at most `MAX_SEGMENT_S` unless it is a single word. Ends of
    chunks do not matter.

    Raises:
        ValueError: a chunk index occurs twice.
    """
    spoken = _in_order(chunks)
    middles = sorted((gap.start_s + gap.end_s) / 2 for gap in gaps)
    cased = any(char.isupper() for each in spoken for char in each.word.text)

    def is_boundary(before: _SpokenWord, after: _SpokenWord) -> bool:
        return (
            before.language != after.language
            or after.word.start_s - before.word.end_s >= PAUSE_S
            or _ends_sentence(before.word.text, after.word.text, cased=cased)
            or bisect_right(middles, before.word.start_s) < bisect_right(middles, after.word.start_s)
        )

    if diarization is not None:
        spoken = _with_labels(spoken, diarization, is_boundary)

    def ends_segment(before: _SpokenWord, after: _SpokenWord) -> bool:
        return before.label.speaker != after.label.speaker or is_boundary(before, after)

    return tuple(_segment(piece) for run in _split(spoken, ends_segment) for piece in _short_pieces(run))


def plain_text(segments: Sequence[Segment]) -> str:
    """The whole transcript as one line of text."""
    if not segments:
        return ""
    joints = (separator(before.language, after.language) + after.text for before, after in pairwise(segments))
    return segments[0].text + "".join(joints)


def gaps_of(plan: ChunkPlan, code: str) -> tuple[Gap, ...]:
    """The gaps that a failed chunk leaves in the recording; `code` is its error code."""
    gaps: list[Gap] = []
    for span in plan.spans:
        start_s, end_s = span.start / SAMPLE_RATE, span.end / SAMPLE_RATE
        if gaps and start_s - gaps[-1].end_s < GAP_REACH_S:
            gaps[-1] = replace(gaps[-1], end_s=end_s)
        else:
            gaps.append(Gap(start_s, end_s, code))
    return tuple(gaps)


def _in_order(chunks: Iterable[ChunkWords]) -> list[_SpokenWord]:
    """All non-blank words in the order of the recording, with times that do not overlap."""
    ordered = sorted(chunks, key=lambda chunk: chunk.index)
    if any(before.index == after.index for before, after in pairwise(ordered)):
        raise ValueError("a chunk index occurs twice")
    visible = [
        _SpokenWord(word, word.language or chunk.language)
        for chunk in ordered
        for word in chunk.words
        if word.text.strip()
    ]
    # A start before the previous start is moved up to it; an end after the next start is cut there. An end never moves
    # a start: otherwise a single end that is far too late would push all later words.
    starts = list(accumulate((each.word.start_s for each in visible), max))
    limits = [*starts, math.inf][1:]
    return [
        replace(each, word=replace(each.word, start_s=start_s, end_s=max(start_s, min(each.word.end_s, limit_s))))
        for each, start_s, limit_s in zip(visible, starts, limits, strict=True)
    ]


def _with_labels(
    spoken: Sequence[_SpokenWord], diarization: Diarization, is_boundary: Callable[[_SpokenWord, _SpokenWord], bool]
) -> list[_SpokenWord]:
    """The words with their speakers; flips within a sentence are smoothed."""
    labels = label_words([each.word for each in spoken], diarization)
    labelled = [replace(each, label=label) for each, label in zip(spoken, labels, strict=True)]
    return [
        replace(each, label=label)
        for sentence in _split(labelled, is_boundary)
        for each, label in zip(
            sentence, smooth_flips([each.word for each in sentence], [each.label for each in sentence]), strict=True
        )
    ]


def _ends_sentence(text: str, following: str, *, cased: bool) -> bool:
    """Whether a sentence ends between two words. In a `cased` transcript, none starts with a lower-case letter."""
    if last_mark(text) not in SENTENCE_ENDS:
        return False
    if text.lower() in ABBREVIATIONS or INITIALS.fullmatch(text):
        return False
    first_letter = next((char for char in following if char.isalpha()), "")
    return not (cased and first_letter.islower())


def _split(
    spoken: Sequence[_SpokenWord], ends_run: Callable[[_SpokenWord, _SpokenWord], bool]
) -> Iterator[Sequence[_SpokenWord]]:
    start = 0
    for index in range(1, len(spoken) + 1):
        if index == len(spoken) or ends_run(spoken[index - 1], spoken[index]):
            yield spoken[start:index]
            start = index


def _short_pieces(run: Sequence[_SpokenWord]) -> Iterator[Sequence[_SpokenWord]]:
    pending = [run]
    while pending:
        piece = pending.pop()
        length_s = piece[-1].word.end_s - piece[0].word.start_s
        if len(piece) == 1 or (len(piece) <= MAX_SEGMENT_WORDS and length_s <= MAX_SEGMENT_S):
            yield piece
            continue
        cut = _best_cut(piece)
        pending += [piece[cut:], piece[:cut]]


def _best_cut(piece: Sequence[_SpokenWord]) -> int:
    """The index at which to cut a long piece: in its middle half, at the longest pause or a comma.

    Of equals, the one nearest to the middle.
    """

    def worth(cut: int) -> tuple[float, int, int]:
        before, after = piece[cut - 1].word, piece[cut].word
        clause = CLAUSE_WORTH_S if last_mark(before.text) in CLAUSE_ENDS else 0.0
        # Rounded to milliseconds, so that floating-point noise does not decide.
        return round(after.start_s - before.end_s + clause, 3), -abs(2 * cut - len(piece)), -cut

    margin = len(piece) // 4
    return max(range(max(1, margin), min(len(piece), len(piece) - margin + 1)), key=worth)


def _segment(piece: Sequence[_SpokenWord]) -> Segment:
    words = tuple(each.word for each in piece)
    language = piece[0].language
    return Segment(
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        text=join_words((word.text for word in words), language),
        words=words,
        confidence=_confidence(words),
        language=language,
        speaker=piece[0].label.speaker,
        overlaps=tuple(each.label.overlap for each in piece),
    )


def _confidence(words: Sequence[Word]) -> float:
    """The geometric mean of the word probabilities, as the probability of a word is that of its tokens."""
    logs = (math.log(min(1.0, max(MIN_PROBABILITY, word.probability))) for word in words)
    return math.exp(math.fsum(logs) / len(words))
