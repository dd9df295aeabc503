"""How much work a pool has, and how many replicas that needs. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from .capacity import Fleet
from .learning import ARRIVALS_OVER_S
from .memory import Memory
from .observation import Observation, Work
from .pool import PoolSpec, WakeOn

NOTHING_S = 0.5  # sums of floats are never quite zero; work that matters has a command, which counts


class Sight(StrEnum):
    FRESH = "fresh"
    ESTIMATED = "estimated"  # there is no fresh snapshot: the backlog follows from the number of commands
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Demand:
    """`backlog_s`, `work` (replica seconds) and `need` of a priority include all that is served before it.

    `units` bounds how many replicas can be of use: a command is carried out by one of them.
    """

    sight: Sight
    backlog_s: Mapping[str, float]
    work: Mapping[str, float]
    need: Mapping[str, int]
    units: int
    waiting: bool
    quiet: bool

    @property
    def replicas(self) -> int:
        """What the backlog needs, and no more than the units can use."""
        return min(max(*self.need.values(), int(self.waiting)), self.units)


def demand(spec: PoolSpec, seen: Observation, memory: Memory, fleet: Fleet, speed: float) -> Demand:
    sight = sight_of(seen)
    backlog_s = _cumulative(spec, {name: _backlog_s(spec, work, sight, memory) for name, work in seen.work.items()})
    arrivals = _cumulative(spec, memory.arrivals if sight is Sight.FRESH else {})
    work = {
        priority: (backlog_s[priority] + arrivals[priority] * min(target_s, ARRIVALS_OVER_S) * spec.headroom) / speed
        for priority, target_s in spec.targets_s.items()
    }
    empty = seen.units == 0 and max(backlog_s.values()) < NOTHING_S
    preparing = seen.upstream_jobs > 0
    expected = sum(one.expected_units for one in seen.work.values())
    return Demand(
        sight=sight,
        backlog_s=backlog_s,
        work=work,
        need={priority: fleet.need(work[priority], target_s) for priority, target_s in spec.targets_s.items()},
        units=math.ceil(max(seen.units + expected, 1) / spec.slots),
        waiting=not empty or (preparing and spec.wake_on is WakeOn.PREPARE),
        quiet=sight is Sight.FRESH and empty and not preparing,
    )


def sight_of(seen: Observation) -> Sight:
    if not seen.counts_fresh:
        return Sight.UNKNOWN
    return Sight.FRESH if seen.snapshot_fresh else Sight.ESTIMATED


def _backlog_s(spec: PoolSpec, work: Work, sight: Sight, memory: Memory) -> float:
    if sight is Sight.ESTIMATED:
        return work.units * (memory.seconds_per_unit or 0.0)
    return work.queued_s + work.in_flight_s + (work.arriving_s if spec.wake_on is WakeOn.PREPARE else 0.0)


def _cumulative(spec: PoolSpec, amounts: Mapping[str, float]) -> dict[str, float]:
    """The amount of each priority with those before it. A priority without a target is served last."""
    own = [amounts.get(priority, 0.0) for priority in spec.targets_s]
    own[-1] += sum(amount for priority, amount in amounts.items() if priority not in spec.targets_s)
    return dict(zip(spec.targets_s, accumulate(own), strict=True))
