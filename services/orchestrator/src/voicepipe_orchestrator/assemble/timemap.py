"""From the time of a chunk, whose long silences were taken out, to the time of the recording, and back. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from voicepipe_orchestrator.domain import SAMPLE_RATE, Span, Word


class TimeMap:
    """Piecewise linear and monotone. A seam is where silence was taken out: one time in the chunk, two in the recording."""

    def __init__(self, spans: Sequence[Span]) -> None:
        """`spans` of the recording, sorted, disjoint, at least one, none empty."""
        if not spans:
            raise ValueError("a chunk has at least one span")
        self._starts_s = [span.start / SAMPLE_RATE for span in spans]
        self._ends_s = [span.end / SAMPLE_RATE for span in spans]
        begins = accumulate((span.samples for span in spans), initial=0)
        self._begins_s = [begin / SAMPLE_RATE for begin in begins]  # in the chunk; the last one is its length

    @property
    def length_s(self) -> float:
        return self._begins_s[-1]

    def start(self, time_s: float) -> float:
        """Where what begins at `time_s` of the chunk begins in the recording: on a seam, after the silence."""
        place = bisect.bisect_right(self._begins_s, time_s) - 1
        return self._recorded(place, time_s)

    def end(self, time_s: float) -> float:
        """Where what ends at `time_s` of the chunk ends in the recording: on a seam, before the silence."""
        place = bisect.bisect_left(self._begins_s, time_s) - 1
        return self._recorded(place, time_s)

    def chunk_time(self, recorded_s: float) -> float:
        """The time in the chunk; what was taken out, or lies outside, is at the nearest seam or end."""
        place = max(bisect.bisect_right(self._starts_s, recorded_s) - 1, 0)
        offset_s = min(max(recorded_s, self._starts_s[place]), self._ends_s[place]) - self._starts_s[place]
        return min(self._begins_s[place] + offset_s, self._begins_s[place + 1])

    def word(self, word: Word) -> Word:
        """The word in the time of the recording.

        One that lies across a seam is where most of it is: nobody speaks one word on both sides of a long silence.
        """
        first = self._place(bisect.bisect_right(self._begins_s, word.start_s) - 1)
        last = max(first, self._place(bisect.bisect_left(self._begins_s, word.end_s) - 1))
        place = max(range(first, last + 1), key=lambda place: (self._overlap_s(place, word), -place))
        start_s = self._recorded(place, word.start_s)
        return replace(word, start_s=start_s, end_s=max(start_s, self._recorded(place, word.end_s)))

    def _overlap_s(self, place: int, word: Word) -> float:
        return min(word.end_s, self._begins_s[place + 1]) - max(word.start_s, self._begins_s[place])

    def _place(self, place: int) -> int:
        return min(max(place, 0), len(self._starts_s) - 1)

    def _recorded(self, place: int, time_s: float) -> float:
        """`time_s` on the line of one span, held within it."""
        at = self._place(place)
        recorded_s = self._starts_s[at] + (time_s - self._begins_s[at])
        return min(max(recorded_s, self._starts_s[at]), self._ends_s[at])
