"""Decides where in the recording a frame of audio lies: where a player plays it. Pure.

    timeline = Timeline(...)
    for placed in timeline.feed(frame, start_s, duration_s): ...
    for placed in timeline.finish(): ...

Invariants:

- Every frame comes out once, in the order in which it came in. Nothing is dropped, so frames never overlap.
- Silence comes only from timestamps. Its length is that of the gap, however long, up to `max_s` in all.
- The times of a stream without timestamps are the sum of its frames.

Timestamps lie in known ways:

| what the stamps do | what it means | what happens |
|---|---|---|
| jitter by less than `JITTER_S` | rounding, a clock | nothing; the position is that of the samples, so jitter never adds up |
| jump forwards | a pause, a muted microphone, lost data | silence |
| jump forwards in all tracks at once (`is_break`) | another recording | it continues after what was heard |
| jump backwards by more than `STEP_S` | another recording, a recorder that started again | it continues after what was heard |
| jump backwards by less | an overlap of two pieces | both are kept, one after the other |
| jump, and are back within `CONFIRMING` frames | damage | nothing |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Frame = TypeVar("Frame")

JITTER_S: Final = 0.04
STEP_S: Final = 1.0
CONFIRMING: Final = 3


@dataclass(frozen=True, slots=True)
class Placed(Generic[Frame]):
    """A frame, and the silence before it."""

    silence_s: float
    frame: Frame


class Timeline(Generic[Frame]):
    """The timeline of one stream, from 0.

    `zero_s` is the timestamp of the start of the recording, None for that of its first frame. `is_timed` is False for formats whose timestamps say nothing. `is_break(before_s,
    after_s)` tells whether a jump between these timestamps is the start of another recording. No silence goes beyond `max_s`.
    """

    def __init__(
        self, zero_s: float | None, max_s: float, is_break: Callable[[float, float], bool], *, is_timed: bool = True
    ) -> None:
        self.position_s = 0.0
        self._zero_s = zero_s or 0.0
        self._is_zero_known = zero_s is not None
        self._max_s = max_s
        self._is_break = is_break
        self._is_timed = is_timed
        self._end_s: float | None = None  # the timestamp at which the next frame should start
        self._held: list[tuple[Frame, float, float]] = []  # after a jump that is not confirmed yet

    def begin_at(self, start_s: float) -> None:
        """The recording starts at this timestamp. Only before the first frame."""
        self._zero_s = start_s

    def feed(self, frame: Frame, start_s: float | None, duration_s: float) -> Iterator[Placed[Frame]]:
        """Add the next frame, with its timestamp, None if it has none. Yields it, or keeps it until the next ones explain it."""
        if not self._is_zero_known and start_s is not None:
            self._zero_s, self._is_zero_known = start_s - self.position_s, True
        if start_s is None or not self._is_timed:
            yield from self.finish()
            yield self._append(frame, duration_s)
        elif self._held:
            yield from self._confirm(frame, start_s, duration_s)
        elif self._is_jump(start_s):
            self._held.append((frame, start_s, duration_s))
        else:
            yield self._place(frame, start_s, duration_s)

    def finish(self) -> Iterator[Placed[Frame]]:
        """Yields what is still kept. A jump of the last frames is believed."""
        held, self._held = self._held, []
        if held:
            self._accept(held[0][1])
        for frame, start_s, duration_s in held:
            yield self._place(frame, start_s, duration_s)

    def lose(self, duration_s: float) -> float:
        """Audio of this length could not be decoded. Returns the silence to put there: with timestamps, the next frame shows it."""
        if self._is_timed or not self.position_s:
            return 0.0
        self.position_s += duration_s
        return duration_s

    def _is_jump(self, start_s: float) -> bool:
        if self._end_s is None:
            return start_s - self._zero_s > STEP_S
        return abs(start_s - self._end_s) > STEP_S

    def _confirm(self, frame: Frame, start_s: float, duration_s: float) -> Iterator[Placed[Frame]]:
        """Another frame after a jump: it confirms the jump, or shows that the stamps of those that are held are damaged."""
        _, held_start_s, held_duration_s = self._held[-1]
        follows = abs(start_s - held_start_s - held_duration_s) <= STEP_S
        self._held.append((frame, start_s, duration_s))
        if follows and len(self._held) > CONFIRMING:
            yield from self.finish()
        elif not follows:
            *damaged, last = self._held
            self._held = []
            for held, _, held_s in damaged:
                yield self._append(held, held_s)
            yield from self.feed(*last)

    def _accept(self, start_s: float) -> None:
        """Believe a jump to `start_s`: as a gap, or as the start of another recording."""
        gap_s = start_s - self._zero_s - self.position_s
        is_first = self._end_s is None
        is_restart = not is_first and (start_s < (self._end_s or 0.0) or self._is_break(self._end_s or 0.0, start_s))
        if is_restart or self.position_s + gap_s > self._max_s:
            self._zero_s = start_s - self.position_s

    def _place(self, frame: Frame, start_s: float, duration_s: float) -> Placed[Frame]:
        late_s = start_s - self._zero_s - self.position_s
        silence_s = late_s if late_s > JITTER_S else 0.0
        self._end_s = start_s + duration_s
        self.position_s += silence_s + duration_s
        return Placed(silence_s, frame)

    def _append(self, frame: Frame, duration_s: float) -> Placed[Frame]:
        """A frame right after the one before; the timestamps go on as they were."""
        if self._end_s is not None:
            self._end_s += duration_s
        self.position_s += duration_s
        return Placed(0.0, frame)
