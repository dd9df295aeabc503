"""The words of all chunks become the segments of one transcript.

Pure, and the same for the same chunks however they arrived: words are put in the order of the recording, times are made
to never run backwards, and the row of words is cut where a reader expects it. A model without punctuation gets readable
segments too: pauses cut, and what is still too long is cut at the best place in its middle. Where it is known who spoke, a
segment has one speaker.
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

# Longer than nearly all errors of aligned word times (95 % within 0.62 s with the fixture model), so that an error alone
# cuts no sentence, and no longer, for a model without punctuation has nothing else to cut at.
PAUSE_S: Final = 0.8
MAX_SEGMENT_S: Final = 30.0
MAX_SEGMENT_WORDS: Final = 60
# Where a long piece must be cut: a comma is worth as much as this much of a pause.
CLAUSE_WORTH_S: Final = 0.3
# A missing chunk is shown as one gap, unless its speech lies further apart than this.
GAP_REACH_S: Final = 5.0
# Keeps one impossible word from making the confidence of its segment zero.
MIN_PROBABILITY: Final = 1e-4

ABBREVIATIONS: Final = frozenset({"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "no.", "jr.", "sr."})
INITIALS: Final = re.compile(r"(?:[^\W\d_]\.)+")


@dataclass(frozen=True, slots=True)
class ChunkWords:
    """The words of one chunk with times of the recording, and the language of those that name none. `index` is the chunk's."""

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

    A segment ends with a sentence, before a pause of `PAUSE_S`, before another language or speaker and before a gap; it has at
    most `MAX_SEGMENT_WORDS` words and lasts at most `MAX_SEGMENT_S`, unless one word alone does. The end of a chunk ends nothing.

    Raises:
        ValueError: a chunk is given twice.
    """
    spoken = _in_order(chunks)
    middles = sorted((gap.start_s + gap.end_s) / 2 for gap in gaps)
    cased = any(char.isupper() for each in spoken for char in each.word.text)

    def ends(before: _SpokenWord, after: _SpokenWord) -> bool:
        return (
            before.language != after.language
            or after.word.start_s - before.word.end_s >= PAUSE_S
            or _ends_sentence(before.word.text, after.word.text, cased=cased)
            or bisect_right(middles, before.word.start_s) < bisect_right(middles, after.word.start_s)
        )

    if diarization is not None:
        spoken = _with_labels(spoken, diarization, ends)

    def parts(before: _SpokenWord, after: _SpokenWord) -> bool:
        return before.label.speaker != after.label.speaker or ends(before, after)

    return tuple(_segment(piece) for run in _runs(spoken, parts) for piece in _short_pieces(run))


def plain_text(segments: Sequence[Segment]) -> str:
    """The whole transcript as one line of text."""
    if not segments:
        return ""
    joints = (separator(before.language, after.language) + after.text for before, after in pairwise(segments))
    return segments[0].text + "".join(joints)


def gaps_of(plan: ChunkPlan, code: str) -> tuple[Gap, ...]:
    """What is missing from the recording when this chunk failed for good, for the reason `code`."""
    gaps: list[Gap] = []
    for span in plan.spans:
        start_s, end_s = span.start / SAMPLE_RATE, span.end / SAMPLE_RATE
        if gaps and start_s - gaps[-1].end_s < GAP_REACH_S:
            gaps[-1] = replace(gaps[-1], end_s=end_s)
        else:
            gaps.append(Gap(start_s, end_s, code))
    return tuple(gaps)


def _in_order(chunks: Iterable[ChunkWords]) -> list[_SpokenWord]:
    """All visible words in the order of the recording, none starting before the one before it has ended."""
    ordered = sorted(chunks, key=lambda chunk: chunk.index)
    if any(before.index == after.index for before, after in pairwise(ordered)):
        raise ValueError("a chunk is given twice")
    visible = [
        _SpokenWord(word, word.language or chunk.language)
        for chunk in ordered
        for word in chunk.words
        if word.text.strip()
    ]
    # A start that runs backwards is moved up to the one before it; an end that reaches over the next start is cut there.
    # So an end never moves a start: one end that is far too late would push all words behind it.
    starts = list(accumulate((each.word.start_s for each in visible), max))
    limits = [*starts, math.inf][1:]
    return [
        replace(each, word=replace(each.word, start_s=start_s, end_s=max(start_s, min(each.word.end_s, limit_s))))
        for each, start_s, limit_s in zip(visible, starts, limits, strict=True)
    ]


def _with_labels(
    spoken: Sequence[_SpokenWord], diarization: Diarization, ends: Callable[[_SpokenWord, _SpokenWord], bool]
) -> list[_SpokenWord]:
    """The words with who diarization them; what flickers is smooth_flips within a sentence."""
    visible = label_words([each.word for each in spoken], diarization)
    voiced = [replace(each, label=label) for each, label in zip(spoken, visible, strict=True)]
    return [
        replace(each, label=label)
        for sentence in _runs(voiced, ends)
        for each, label in zip(
            sentence, smooth_flips([each.word for each in sentence], [each.label for each in sentence]), strict=True
        )
    ]


def _ends_sentence(text: str, following: str, *, cased: bool) -> bool:
    """Whether a sentence ends between two words. In a `cased` transcript none begins with a small letter."""
    if last_mark(text) not in SENTENCE_ENDS:
        return False
    if text.lower() in ABBREVIATIONS or INITIALS.fullmatch(text):
        return False
    first_letter = next((char for char in following if char.isalpha()), "")
    return not (cased and first_letter.islower())


def _runs(
    spoken: Sequence[_SpokenWord], ends: Callable[[_SpokenWord, _SpokenWord], bool]
) -> Iterator[Sequence[_SpokenWord]]:
    start = 0
    for index in range(1, len(spoken) + 1):
        if index == len(spoken) or ends(spoken[index - 1], spoken[index]):
            yield spoken[start:index]
            start = index


def _short_pieces(run: Sequence[_SpokenWord]) -> Iterator[Sequence[_SpokenWord]]:
    waiting = [run]
    while waiting:
        piece = waiting.pop()
        lasts_s = piece[-1].word.end_s - piece[0].word.start_s
        if len(piece) == 1 or (len(piece) <= MAX_SEGMENT_WORDS and lasts_s <= MAX_SEGMENT_S):
            yield piece
            continue
        cut = _best_cut(piece)
        waiting += [piece[cut:], piece[:cut]]


def _best_cut(piece: Sequence[_SpokenWord]) -> int:
    """Where to cut a long piece: in its middle half, at the longest pause or a comma; of equals, nearest to the middle."""

    def worth(cut: int) -> tuple[float, int, int]:
        before, after = piece[cut - 1].word, piece[cut].word
        clause = CLAUSE_WORTH_S if last_mark(before.text) in CLAUSE_ENDS else 0.0
        # In milliseconds, so that the noise of floating point decides nothing.
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
    """Geometric mean of the probabilities of the words, as a word's is that of its tokens."""
    logs = (math.log(min(1.0, max(MIN_PROBABILITY, word.probability))) for word in words)
    return math.exp(math.fsum(logs) / len(words))
