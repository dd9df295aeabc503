"""What a pool's memory takes from an observation: arrivals, speed, cold starts, and since when it is quiet. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from .memory import COLD_STARTS, Memory, since
from .observation import Observation
from .pool import PoolSpec

# Arrivals are averaged over this time, and expected to go on for no longer: a recording of three hours is an arrival of 90 s/s for two
# minutes, and nobody sends one every two minutes because one has come.
ARRIVALS_OVER_S = 120.0
SPEED_OVER_S = 120.0  # of a busy replica
LEARNT_AFTER_S = 30.0  # of a busy replica
LONGEST_GAP_S = 60.0  # what happened before is not known from a rate
LEAST_BUSY = 0.01  # of a replica; the ratio to less than that is noise
FAR = 4.0  # a measured speed further from its prior than this factor is a mistake


def learn(observation: Observation, spec: PoolSpec, memory: Memory) -> Memory:
    """The memory after this observation. The same observation a second time teaches nothing."""
    at_s = observation.snapshot_at_s
    # Rates that are not known would be learnt as a speed of 0.
    if at_s is not None and observation.has_rates and (memory.learnt_at_s is None or at_s > memory.learnt_at_s):
        gap_s = 0.0 if memory.learnt_at_s is None else min(at_s - memory.learnt_at_s, LONGEST_GAP_S)
        memory = _from_snapshot(observation, spec, memory, at_s, gap_s)
    return _from_pods(observation, memory)


def speed(spec: PoolSpec, memory: Memory) -> float:
    """Seconds of audio per second of one replica."""
    if memory.speed is None or memory.busy_s < LEARNT_AFTER_S:
        return spec.speed
    return min(max(memory.speed, spec.speed / FAR), spec.speed * FAR)


def cold_start_s(spec: PoolSpec, memory: Memory) -> float:
    """The 90th percentile of the last cold starts."""
    return percentile(memory.cold_starts_s, 0.9) if memory.cold_starts_s else spec.cold_start_s


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least this part of the values does not exceed."""
    return sorted(values)[max(math.ceil(part * len(values)) - 1, 0)]


def _from_snapshot(observation: Observation, spec: PoolSpec, memory: Memory, at_s: float, gap_s: float) -> Memory:
    work = observation.work
    pace = 1 - math.exp(-gap_s / ARRIVALS_OVER_S)
    arrivals = {
        priority: _toward(memory.arrivals.get(priority, 0.0), one.arrived_s_per_s, pace)
        for priority, one in work.items()
    }
    done_s_per_s = sum(one.done_s_per_s for one in work.values())
    learnt_speed, busy_s = _speed(spec, memory, observation.busy_replicas, done_s_per_s, gap_s)
    return replace(
        memory,
        arrivals=arrivals,
        learnt_at_s=at_s,
        last_done_s=at_s if done_s_per_s > 0 else memory.last_done_s,
        seconds_per_unit=_seconds_per_unit(observation, memory, pace),
        speed=learnt_speed,
        busy_s=busy_s,
    )


def _speed(
    spec: PoolSpec, memory: Memory, busy: float, done_s_per_s: float, gap_s: float
) -> tuple[float | None, float]:
    """The learnt speed, and from how many busy replica seconds. A replica that does nothing says nothing about it."""
    busy_s = busy * gap_s
    if busy < LEAST_BUSY or gap_s <= 0:
        return memory.speed, memory.busy_s
    before = spec.speed if memory.speed is None else memory.speed
    pace = 1 - math.exp(-busy_s / SPEED_OVER_S)
    return _toward(before, done_s_per_s / busy, pace), min(memory.busy_s + busy_s, LEARNT_AFTER_S)


def _seconds_per_unit(observation: Observation, memory: Memory, pace: float) -> float | None:
    """The audio behind one command, from which the backlog is estimated while there is no snapshot."""
    if observation.units == 0 or not observation.counts_fresh:
        return memory.seconds_per_unit
    seen = sum(work.queued_s + work.in_flight_s for work in observation.work.values()) / observation.units
    return seen if memory.seconds_per_unit is None else _toward(memory.seconds_per_unit, seen, pace)


def _from_pods(seen: Observation, memory: Memory) -> Memory:
    ready = sorted((pod.ready_at_s, pod.asked_at_s, pod.name) for pod in seen.pods if pod.ready_at_s is not None)
    # A pod that was ready before has not started: it lost its readiness for a while, with the database for example.
    new = [ready_at_s - asked_at_s for ready_at_s, asked_at_s, name in ready if name not in memory.started]
    return replace(
        memory,
        unknown_since_s=None if seen.counts_fresh else since(memory.unknown_since_s, seen.now_s),
        missing_since_s=since(memory.missing_since_s, seen.now_s) if len(seen.pods) < seen.replicas else None,
        first_ready_s=_first_ready_s(seen, memory, ready[0][0] if ready else None),
        cold_starts_s=(*memory.cold_starts_s, *new)[-COLD_STARTS:],
        started=tuple(sorted(pod.name for pod in seen.pods if pod.ready or pod.name in memory.started)),
    )


def _first_ready_s(seen: Observation, memory: Memory, ready_at_s: float | None) -> float | None:
    """Since when there is a replica that is ready, counted anew after the pool has slept."""
    if seen.replicas == 0:
        return None
    return ready_at_s if memory.first_ready_s is None else memory.first_ready_s


def _toward(before: float, seen: float, pace: float) -> float:
    return before + pace * (seen - before)
