"""Assigns speakers to words: joins the turns of a diarization to the words of a transcript. Pure.

A word goes to the speaker whose turns overlap it most; a word between turns goes to the nearest one if that is near
enough. The diarizer and the recognizer disagree by a few frames about where one speaker stops and the next starts, so a
word or two in the middle of a sentence may seem to come from another speaker. Such a flip is undone, except where two
people really talk at once.
"""

from __future__ import annotations

import colorsys
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from voicepipe_wire.transcript.document import Speaker
from voicepipe_wire.transcript.turns import Diarization, Turn

from voicepipe_orchestrator.domain import Word

# A word farther than this from any turn belongs to a speaker whom the diarizer did not detect.
REACH_S: Final = 1.0
# Up to this many words of another speaker without a pause around them are an error of the boundaries.
FLIP_WORDS: Final = 3
BREATH_S: Final = 0.2
# The contrast ratios with white and with black multiply to 21 (WCAG 2.2, relative luminance); at this luminance both
# are 4.58.
LUMINANCE: Final = 0.179
GOLDEN_ANGLE: Final = 0.381966  # of a full circle: keeps any number of hues apart


@dataclass(frozen=True, slots=True)
class SpeakerLabel:
    """The speaker of a word, None if unknown, and whether another speaker talked at the same time."""

    speaker: str | None
    overlap: bool = False


NO_SPEAKER: Final = SpeakerLabel(None)


def label_words(words: Sequence[Word], diarization: Diarization) -> tuple[SpeakerLabel, ...]:
    """A label for each word, in order; speakers have the names that the diarization uses."""
    turns = _Turns(diarization.exclusive)
    crosstalk = _Turns(_overlaps(diarization.turns))
    return tuple(SpeakerLabel(turns.speaker_of(word), crosstalk.covers_most_of(word)) for word in words)


def smooth_flips(words: Sequence[Word], labels: Sequence[SpeakerLabel]) -> tuple[SpeakerLabel, ...]:
    """The labels of one sentence, without flips.

    A flip is a run of at most `FLIP_WORDS` words of another speaker between words of the same speaker.
    """
    runs = [list(run) for _, run in groupby(range(len(words)), key=lambda index: labels[index].speaker)]
    result = list(labels)
    for before, flip, after in zip(runs, runs[1:], runs[2:], strict=False):
        outer = result[before[-1]].speaker
        if (
            outer is not None
            and outer == labels[after[0]].speaker
            and len(flip) <= FLIP_WORDS
            and not any(labels[index].overlap for index in flip)
            and words[flip[0]].start_s - words[before[-1]].end_s < BREATH_S
            and words[after[0]].start_s - words[flip[-1]].end_s < BREATH_S
        ):
            for index in flip:
                result[index] = SpeakerLabel(outer)
    return tuple(result)


def number_speakers(diarization: Diarization, segment_speakers: Sequence[str | None]) -> Mapping[str, str]:
    """Map the diarization's names to `speaker_1`, `speaker_2`, ...

    Speakers are numbered by their first words, then speakers without words by their first turn.

    `segment_speakers` has the speaker of every segment, in order.
    """
    order = dict.fromkeys(
        [*(speaker for speaker in segment_speakers if speaker), *(turn.speaker for turn in diarization.turns)]
    )
    return {speaker: f"speaker_{number}" for number, speaker in enumerate(order, start=1)}


def summarize_speakers(
    diarization: Diarization, ids: Mapping[str, str], segment_speakers: Sequence[str | None]
) -> tuple[Speaker, ...]:
    """Every speaker with their talk time, their share of all talk time, and the number of their segments."""
    talk_s = {
        speaker: sum(turn.end_s - turn.start_s for turn in diarization.turns if turn.speaker == speaker)
        for speaker in ids
    }
    total_s = sum(talk_s.values())
    return tuple(
        Speaker(
            id=speaker_id,
            name=f"Speaker {number}",
            talk_s=talk_s[speaker],
            share=talk_s[speaker] / total_s if total_s else 0.0,
            segments=sum(each == speaker for each in segment_speakers),
            colour=colour(number - 1),
        )
        for number, (speaker, speaker_id) in enumerate(ids.items(), start=1)
    )


def colour(number: int) -> str:
    """`#rrggbb` for a speaker, numbered from 0: readable on white and on black."""
    hue = (0.58 + number * GOLDEN_ANGLE) % 1
    dark, light = 0.0, 1.0
    for _ in range(20):
        middle = (dark + light) / 2
        dark, light = (middle, light) if _luminance(_rgb(hue, middle)) < LUMINANCE else (dark, middle)
    return "#" + "".join(f"{part:02x}" for part in _rgb(hue, (dark + light) / 2))


def _rgb(hue: float, lightness: float) -> tuple[int, ...]:
    return tuple(round(part * 255) for part in colorsys.hls_to_rgb(hue, lightness, 0.7))


def _luminance(rgb: Sequence[int]) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [part / 255 for part in rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]  # noqa: PLR2004 - sRGB
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class _Turns:
    """Turns that do not overlap, searchable by time."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = [turn for turn in turns if turn.end_s > turn.start_s]
        self._starts = [turn.start_s for turn in self._turns]
        self._ends = [turn.end_s for turn in self._turns]

    def speaker_of(self, word: Word) -> str | None:
        shares: dict[str, float] = {}
        for turn in self._touching(word):
            shares[turn.speaker] = shares.get(turn.speaker, 0.0) + _overlap_s(turn, word)
        if shares:
            return max(shares, key=lambda speaker: round(shares[speaker], 6))
        near = [(gap_s, turn) for turn in self._neighbours(word) if (gap_s := _gap_s(turn, word)) <= REACH_S]
        return min(near, key=lambda each: each[0])[1].speaker if near else None

    def covers_most_of(self, word: Word) -> bool:
        """Whether at least half of the word lies within the turns."""
        touching = self._touching(word)
        return bool(touching) and 2 * sum(_overlap_s(turn, word) for turn in touching) >= word.end_s - word.start_s

    def _touching(self, word: Word) -> list[Turn]:
        """The turns that overlap the word; for a word of length 0, the turn that contains it."""
        first = bisect_right(self._ends, word.start_s)
        after = bisect_left(self._starts, word.end_s, lo=first)
        if first == after and word.start_s == word.end_s and self._turns[first : first + 1]:
            after += self._starts[first] <= word.start_s
        return self._turns[first:after]

    def _neighbours(self, word: Word) -> list[Turn]:
        place = bisect_right(self._ends, word.start_s)
        return self._turns[max(0, place - 1) : place + 1]


def _overlap_s(turn: Turn, word: Word) -> float:
    return max(0.0, min(turn.end_s, word.end_s) - max(turn.start_s, word.start_s))


def _gap_s(turn: Turn, word: Word) -> float:
    return max(turn.start_s - word.end_s, word.start_s - turn.end_s, 0.0)


def _overlaps(turns: Sequence[Turn]) -> list[Turn]:
    """The times at which two or more people talk, as turns without a speaker."""
    edges = sorted([(turn.start_s, 1) for turn in turns] + [(turn.end_s, -1) for turn in turns])
    overlaps: list[Turn] = []
    talking = 0
    for (at_s, change), (next_s, _) in pairwise(edges):
        talking += change
        if talking > 1 and next_s > at_s:
            overlaps.append(Turn(at_s, next_s, ""))
    return overlaps
