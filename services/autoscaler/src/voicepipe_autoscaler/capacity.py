"""What replicas can do in a time, in replica seconds: what one replica that is ready works in one second. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

# A replica that is ready too late for a target still counts for this part of the target's time. It cannot meet the target, but what
# waits must not ask for ever more replicas because of that.
LATE = 0.25
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Fleet:
    """Replicas that are ready, those that start (`starting_s` until each is ready, ascending), and any number of new ones."""

    ready: int
    starting_s: tuple[float, ...]
    cold_start_s: float

    def capacity(self, replicas: int, within_s: float) -> float:
        ready = min(self.ready, replicas)
        starting = self.starting_s[: replicas - ready]
        new = replicas - ready - len(starting)
        started = sum(_share(start_s, within_s) for start_s in starting)
        return ready * within_s + started + new * _share(self.cold_start_s, within_s)

    def need(self, work: float, within_s: float) -> int:
        """The fewest replicas whose capacity within that time is at least `work` replica seconds."""
        lacking = work - self.ready * within_s
        if lacking <= _ROUNDING:
            return math.ceil(work / within_s - _ROUNDING)
        for count, start_s in enumerate(self.starting_s, start=1):
            lacking -= _share(start_s, within_s)
            if lacking <= _ROUNDING:
                return self.ready + count
        new = math.ceil(lacking / _share(self.cold_start_s, within_s) - _ROUNDING)
        return self.ready + len(self.starting_s) + new

    def eta_s(self, replicas: int, work: float) -> float:
        """When so many replicas will have done `work` replica seconds; infinite for none."""
        if work <= 0:
            return 0.0
        ready = min(self.ready, replicas)
        starting = self.starting_s[: replicas - ready]
        starts_s = [*[0.0] * ready, *starting, *[self.cold_start_s] * (replicas - ready - len(starting))]
        waited_s = 0.0
        for count, start_s in enumerate(starts_s, start=1):
            waited_s += start_s
            done_s = (work + waited_s) / count
            if count == len(starts_s) or done_s <= starts_s[count]:
                return done_s
        return math.inf


def _share(start_s: float, within_s: float) -> float:
    return max(within_s - start_s, within_s * LATE)
