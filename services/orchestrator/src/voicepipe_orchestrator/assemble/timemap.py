"""Converts times between a chunk, from which long silences were removed, and the recording. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from voicepipe_orchestrator.domain import SAMPLE_RATE, Span, Word


class TimeMap:
    """Piecewise linear and monotonic.

    A seam, where silence was removed, is one time in the chunk and two in the recording.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        """`spans` of the recording, sorted, disjoint, at least one, none empty."""
        if not spans:
            raise ValueError("a chunk has at least one span")
        self._starts_s = [span.start / SAMPLE_RATE for span in spans]
        self._ends_s = [span.end / SAMPLE_RATE for span in spans]
        offsets = accumulate((span.samples for span in spans), initial=0)
        self._offsets_s = [offset / SAMPLE_RATE for offset in offsets]  # in the chunk; the last one is its length

    @property
    def length_s(self) -> float:
        return self._offsets_s[-1]

    def start(self, time_s: float) -> float:
        """The time in the recording of a start at `time_s` in the chunk; on a seam, the one after the silence."""
        place = bisect.bisect_right(self._offsets_s, time_s) - 1
        return self._recorded(place, time_s)

    def end(self, time_s: float) -> float:
        """The time in the recording of an end at `time_s` in the chunk; on a seam, the one before the silence."""
        place = bisect.bisect_left(self._offsets_s, time_s) - 1
        return self._recorded(place, time_s)

    def chunk_time(self, recorded_s: float) -> float:
        """The time in the chunk; a time that was removed, or is outside of it, maps to the nearest seam or end."""
        place = max(bisect.bisect_right(self._starts_s, recorded_s) - 1, 0)
        offset_s = min(max(recorded_s, self._starts_s[place]), self._ends_s[place]) - self._starts_s[place]
        return min(self._offsets_s[place] + offset_s, self._offsets_s[place + 1])

    def word(self, word: Word) -> Word:
        """The word with times of the recording.

        A word across a seam goes to the side with most of it: a word does not continue after a long silence.
        """
        first = self._place(bisect.bisect_right(self._offsets_s, word.start_s) - 1)
        last = max(first, self._place(bisect.bisect_left(self._offsets_s, word.end_s) - 1))
        place = max(range(first, last + 1), key=lambda place: (self._overlap_s(place, word), -place))
        start_s = self._recorded(place, word.start_s)
        return replace(word, start_s=start_s, end_s=max(start_s, self._recorded(place, word.end_s)))

    def _overlap_s(self, place: int, word: Word) -> float:
        return min(word.end_s, self._offsets_s[place + 1]) - max(word.start_s, self._offsets_s[place])

    def _place(self, place: int) -> int:
        return min(max(place, 0), len(self._starts_s) - 1)

    def _recorded(self, place: int, time_s: float) -> float:
        """`time_s` converted by one span, limited to that span."""
        at = self._place(place)
        recorded_s = self._starts_s[at] + (time_s - self._offsets_s[at])
        return min(max(recorded_s, self._starts_s[at]), self._ends_s[at])
