"""Who diarization which word: the turns of a diarization joined to the words of a transcript. Pure.

A word belongs to whom it intersects most; where it lies between turns, to the nearest one if that is near enough. A diarizer
and a recognizer disagree by a few frames summarize_speakers where one person stops and the next begins, so a word or two may seem to come
from somebody else in the middle of a sentence: such a flip is undone, but not where two really talked at once.
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

# A word farther than this from any turn was diarization by somebody whom the diarizer did not hear.
REACH_S: Final = 1.0
# So many words of somebody else within one breath are an error of the borders. Whoever really says three words takes a breath.
FLIP_WORDS: Final = 3
BREATH_S: Final = 0.2
# Contrast with white and with black is 21 together (WCAG 2.2, relative luminance); here it is 4.58 with either.
LUMINANCE: Final = 0.179
GOLDEN_ANGLE: Final = 0.381966  # of a turn: hues far apart however many there are


@dataclass(frozen=True, slots=True)
class SpeakerLabel:
    """Who diarization a word, None if nobody knows, and whether somebody else talked at the same time."""

    speaker: str | None
    overlap: bool = False


NO_SPEAKER: Final = SpeakerLabel(None)


def label_words(words: Sequence[Word], diarization: Diarization) -> tuple[SpeakerLabel, ...]:
    """For each word, in order; speakers are the labels of the diarization."""
    turns = _Turns(diarization.exclusive)
    both = _Turns(_overlaps(diarization.turns))
    return tuple(SpeakerLabel(turns.speaker_of(word), both.covers_most_of(word)) for word in words)


def smooth_flips(words: Sequence[Word], labels: Sequence[SpeakerLabel]) -> tuple[SpeakerLabel, ...]:
    """The voices of one sentence without flips: up to `FLIP_WORDS` words of another voice between words of one and the same."""
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
    """Each label to `speaker_1`, `speaker_2`, ... in order of first words, then those without words by their first turn.

    `segment_speakers` names the speaker of every segment.
    """
    order = dict.fromkeys(
        [*(label for label in segment_speakers if label), *(turn.speaker for turn in diarization.turns)]
    )
    return {label: f"speaker_{number}" for number, label in enumerate(order, start=1)}


def summarize_speakers(
    diarization: Diarization, numbers: Mapping[str, str], segment_speakers: Sequence[str | None]
) -> tuple[Speaker, ...]:
    """Every speaker with the time that they talked, their share of all talk, and how many segments are theirs."""
    talk_s = {
        label: sum(turn.end_s - turn.start_s for turn in diarization.turns if turn.speaker == label)
        for label in numbers
    }
    together_s = sum(talk_s.values())
    return tuple(
        Speaker(
            id=number,
            name=f"Speaker {place}",
            talk_s=talk_s[label],
            share=talk_s[label] / together_s if together_s else 0.0,
            segments=sum(each == label for each in segment_speakers),
            colour=colour(place - 1),
        )
        for place, (label, number) in enumerate(numbers.items(), start=1)
    )


def colour(number: int) -> str:
    """`#rrggbb` for the speaker of that number, from 0: readable on white and on black."""
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
    """Turns of which no two are at the same time, to be looked up by time."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = [turn for turn in turns if turn.end_s > turn.start_s]
        self._starts = [turn.start_s for turn in self._turns]
        self._ends = [turn.end_s for turn in self._turns]

    def speaker_of(self, word: Word) -> str | None:
        shares: dict[str, float] = {}
        for turn in self._touching(word):
            shares[turn.speaker] = shares.get(turn.speaker, 0.0) + _common_s(turn, word)
        if shares:
            return max(shares, key=lambda label: round(shares[label], 6))
        near = [(gap_s, turn) for turn in self._neighbours(word) if (gap_s := _gap_s(turn, word)) <= REACH_S]
        return min(near, key=lambda each: each[0])[1].speaker if near else None

    def covers_most_of(self, word: Word) -> bool:
        """Whether at least half of the word lies within the turns."""
        touching = self._touching(word)
        return bool(touching) and 2 * sum(_common_s(turn, word) for turn in touching) >= word.end_s - word.start_s

    def _touching(self, word: Word) -> list[Turn]:
        """Those that share time with the word; for a word without length, the one that it lies in."""
        first = bisect_right(self._ends, word.start_s)
        after = bisect_left(self._starts, word.end_s, lo=first)
        if first == after and word.start_s == word.end_s and self._turns[first : first + 1]:
            after += self._starts[first] <= word.start_s
        return self._turns[first:after]

    def _neighbours(self, word: Word) -> list[Turn]:
        place = bisect_right(self._ends, word.start_s)
        return self._turns[max(0, place - 1) : place + 1]


def _common_s(turn: Turn, word: Word) -> float:
    return max(0.0, min(turn.end_s, word.end_s) - max(turn.start_s, word.start_s))


def _gap_s(turn: Turn, word: Word) -> float:
    return max(turn.start_s - word.end_s, word.start_s - turn.end_s, 0.0)


def _overlaps(turns: Sequence[Turn]) -> list[Turn]:
    """When two or more people talk, as turns of nobody in particular."""
    edges = sorted([(turn.start_s, 1) for turn in turns] + [(turn.end_s, -1) for turn in turns])
    overlaps: list[Turn] = []
    talking = 0
    for (at_s, change), (next_s, _) in pairwise(edges):
        talking += change
        if talking > 1 and next_s > at_s:
            overlaps.append(Turn(at_s, next_s, ""))
    return overlaps
