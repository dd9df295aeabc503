"""Voicepipe's autoscaler: `decide()` on a snapshot every five seconds, and what the operator does with the decision."""

from __future__ import annotations

from copy import copy

from voicepipe_autoscaler.decide import decide
from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.observation import Observation, Work
from voicepipe_autoscaler.pool import PoolSpec
from voicepipe_autoscaler.victims import deletion_cost

from .cluster import Amounts, Pool
from .work import Job


class Ours:
    name = "Voicepipe"
    period_s = 5.0
    grace_s: float | None = None

    def __init__(self, spec: PoolSpec) -> None:
        self.spec = spec
        self.min_replicas = spec.min_replicas
        self.memory = Memory()
        self._before: Snapshot | None = None

    def tick(self, pool: Pool) -> None:
        now = Snapshot(pool)
        decision = decide(self.spec, now.observation(pool, self._before or now), self.memory)
        self._before, self.memory = now, decision.memory
        for pod in pool.pods:
            pod.draining = (pod.draining or pod.name in decision.drain) and pod.name not in decision.release
        pool.scale(decision.replicas)
        for pod in pool.pods:
            pod.deletion_cost = deletion_cost(pool.seen(pod))
        if decision.release:
            pool.dispatch()


class Snapshot:
    """What the controller publishes, as totals; the rates follow from the snapshot before."""

    def __init__(self, pool: Pool) -> None:
        for pod in pool.pods:
            pool.busy_s(pod)
        self.now_s = pool.now_s
        self.slot_s = pool.slot_s
        self.amounts = {priority: copy(amounts) for priority, amounts in pool.amounts.items()}
        for priority, partly_s in _partly_done_s(pool).items():
            amounts = self.amounts[priority]
            amounts.done_s += partly_s
            amounts.in_flight_s = max(amounts.in_flight_s - partly_s, 0.0)

    def observation(self, pool: Pool, before: Snapshot) -> Observation:
        gap_s = self.now_s - before.now_s
        return Observation(
            now_s=self.now_s,
            replicas=pool.replicas,
            pods=tuple(pool.seen(pod) for pod in pool.pods),
            work={
                priority: self._work(pool, priority, amounts, before.amounts[priority], gap_s)
                for priority, amounts in self.amounts.items()
            },
            snapshot_at_s=self.now_s,
            counts_at_s=self.now_s,
            busy_replicas=(self.slot_s - before.slot_s) / gap_s / pool.hardware.slots if gap_s else 0.0,
            upstream_jobs=len(pool.preparing),
        )

    def _work(self, pool: Pool, priority: str, now: Amounts, before: Amounts, gap_s: float) -> Work:
        preparing = [job for job in pool.preparing if job.priority == priority]
        waiting = pool.queue.waiting[priority]
        not_started = [unit.job for unit in waiting if not unit.job.started]
        taken_s = pool.amounts[priority].in_flight_s
        return Work(
            queued_s=max(now.left_s - taken_s, 0.0),
            in_flight_s=now.in_flight_s,
            arriving_s=sum(job.left_s for job in preparing),
            arrived_s_per_s=(now.arrived_s - before.arrived_s) / gap_s if gap_s else 0.0,
            done_s_per_s=max(now.done_s - before.done_s, 0.0) / gap_s if gap_s else 0.0,
            units=len(waiting) + now.in_flight,
            expected_units=sum(_first_window(pool, job) for job in preparing)
            + sum(_first_window(pool, job) - 1 for job in not_started),
        )


def _first_window(pool: Pool, job: Job) -> int:
    return min(pool.hardware.window, len(job.lengths_s))


def _partly_done_s(pool: Pool) -> dict[str, float]:
    """The progress of recordings that are one unit, which their worker reports every second. That of a chunk nobody knows."""
    if pool.hardware.chunk_s is not None:
        return {}
    partly_s = dict.fromkeys(pool.amounts, 0.0)
    for pod in pool.pods:
        for unit, at_s in pod.in_hand.items():
            part = min((pool.now_s - at_s) / pool.duration_s(unit), 1.0)
            partly_s[unit.job.priority] += part * unit.audio_s
    return partly_s
