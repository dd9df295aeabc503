"""One observation in the light of what the pool declares and remembers. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from . import learning
from .capacity import Fleet
from .demand import Demand, Sight, demand
from .limits import Limits, Lost, limits, lost
from .memory import Memory, recommended, since
from .observation import Observation, Pod
from .pool import PoolSpec

SOONEST_S = 5.0  # a replica that has been starting for longer than usual is expected this soon
GAP_S = 120.0  # after so long without a decision, what would have been recommended meanwhile is not known


@dataclass(frozen=True, slots=True)
class Situation:
    """`needed` includes the lost replicas, since the Deployment counts them too; `wanted` is within the limits.

    `shortage` is the work over the capacity of the replicas there are, for the priority that is worst off.
    """

    spec: PoolSpec
    seen: Observation
    memory: Memory
    speed: float
    fleet: Fleet
    lost: Lost
    demand: Demand
    limits: Limits
    needed: int
    wanted: int
    shortage: float

    @property
    def replicas(self) -> int:
        return self.seen.replicas

    @property
    def now_s(self) -> float:
        return self.seen.now_s

    @property
    def limited(self) -> bool:
        return self.needed > self.limits.most

    @property
    def draining(self) -> tuple[Pod, ...]:
        return tuple(pod for pod in self.seen.pods if pod.draining)


def look(spec: PoolSpec, seen: Observation, memory: Memory) -> Situation:
    cold_start_s = learning.cold_start_s(spec, memory)
    speed = learning.speed(spec, memory)
    gone = lost(spec, seen, memory, cold_start_s)
    fleet = _fleet(seen, memory, cold_start_s, gone)
    work = demand(spec, seen, memory, fleet, speed)
    bounds = limits(spec, seen, gone)
    needed = work.replicas + gone.count
    wanted = bounds.apply(needed)
    useful = max(seen.replicas - gone.count, 0)
    return Situation(
        spec=spec,
        seen=seen,
        memory=_recommend(spec, seen, memory, work, wanted),
        speed=speed,
        fleet=fleet,
        lost=gone,
        demand=work,
        limits=bounds,
        needed=needed,
        wanted=wanted,
        shortage=max(
            _ratio(work.work[priority], fleet.capacity(useful, target_s))
            for priority, target_s in spec.targets_s.items()
        ),
    )


def _recommend(spec: PoolSpec, seen: Observation, memory: Memory, work: Demand, wanted: int) -> Memory:
    """The memory with what is wanted now. Where that is not known, nothing less than what there is."""
    gap = memory.decided_at_s is None or seen.now_s - memory.decided_at_s > GAP_S
    known = work.sight is Sight.FRESH and spec.pin is None and not spec.paused and not gap
    count = wanted if known else max(wanted, seen.replicas)
    return replace(
        memory,
        recommendations=recommended(memory, seen.now_s, spec.down_stabilisation_s, count),
        quiet_since_s=since(memory.quiet_since_s, seen.now_s) if work.quiet else None,
    )


def _fleet(seen: Observation, memory: Memory, cold_start_s: float, gone: Lost) -> Fleet:
    asked_at_s = [pod.asked_at_s for pod in seen.pods if not pod.ready and pod not in gone.pods]
    missing = seen.replicas - len(seen.pods) - gone.not_created
    asked_at_s += [seen.now_s if memory.missing_since_s is None else memory.missing_since_s] * missing
    soonest_s = min(SOONEST_S, cold_start_s)
    starting_s = sorted(max(cold_start_s - (seen.now_s - at_s), soonest_s) for at_s in asked_at_s)
    return Fleet(sum(pod.ready for pod in seen.pods), tuple(starting_s), cold_start_s)


def _ratio(work: float, capacity: float) -> float:
    if capacity > 0:
        return work / capacity
    return math.inf if work > 0 else 0.0
