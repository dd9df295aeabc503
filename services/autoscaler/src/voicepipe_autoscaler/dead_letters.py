"""Whether the dead letters of a stage grow, by the counts of the last ten minutes. Pure.

They grow by the newest count less the smallest: a redrive lowers the count, and new ones after it count all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_S = 600.0
ALARMING = 3


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Those of a stage: how many there are, and how many more than at the lowest within the window."""

    stage: str
    count: int
    growth: int

    @property
    def grow(self) -> bool:
        return self.growth >= ALARMING


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a stage within the window, but only those that may still be its smallest: each is less than the next."""

    points: tuple[tuple[float, int], ...] = ()

    def plus(self, at_s: float, count: int) -> Counts:
        kept = [(seen_s, seen) for seen_s, seen in self.points if seen_s >= at_s - WINDOW_S and seen < count]
        return Counts((*kept, (at_s, count)))

    def summary(self, stage: str) -> DeadLetters | None:
        """None before the first count."""
        if not self.points:
            return None
        count = self.points[-1][1]
        return DeadLetters(stage, count, count - self.points[0][1])
