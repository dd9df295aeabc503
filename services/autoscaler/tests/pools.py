"""Pools for the tests: short ways to describe one, and a cluster in which decisions come true."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hypothesis import strategies as st
from voicepipe_autoscaler.decide import decide
from voicepipe_autoscaler.memory import Memory, Step
from voicepipe_autoscaler.observation import Observation, Pod, Work
from voicepipe_autoscaler.pool import PoolSpec, WakeOn
from voicepipe_autoscaler.victims import deletion_cost, victims

T = TypeVar("T")
NOW_S = 1_800_000_000.0
TARGETS_S = {"premium": 60.0, "standard": 600.0}


def pool(**fields) -> PoolSpec:
    return PoolSpec(
        **{"targets_s": TARGETS_S, "max_replicas": 10, "slots": 3, "speed": 4.0, "cold_start_s": 20.0, **fields}
    )


def pods(count: int, units: int = 0, **fields) -> tuple[Pod, ...]:
    """Pods that have been ready for ten minutes."""
    known = {"asked_at_s": NOW_S - 660, "ready_at_s": NOW_S - 600, "units": units, **fields}
    return tuple(Pod(name=f"pod-{number}", uid=f"uid-{number}", **known) for number in range(count))


def seen(replicas: int = 2, *, premium_s: float = 0.0, standard_s: float = 0.0, units: int | None = None, **fields):
    """A fresh observation with so much audio in the queue, by default in commands of 20 s."""
    known = {
        "now_s": NOW_S,
        "replicas": replicas,
        "pods": pods(replicas),
        "work": {
            "premium": Work(queued_s=premium_s, units=round(premium_s / 20) if units is None else units),
            "standard": Work(queued_s=standard_s, units=round(standard_s / 20) if units is None else 0),
        },
        "snapshot_at_s": NOW_S,
        "counts_at_s": NOW_S,
    }
    return Observation(**{**known, **fields})


def settled(replicas: int, *, long_ago_s: float = 10_000.0, **fields) -> Memory:
    """The memory of a pool that has had so many replicas for as long as anybody remembers, and wanted none."""
    since_s = NOW_S - long_ago_s
    return Memory(
        **{
            "decided_at_s": NOW_S - 2,
            "learnt_at_s": NOW_S - 2,
            "started": tuple(f"pod-{number}" for number in range(10)),
            "recommendations": ((NOW_S - 2, 0),),
            "first_ready_s": since_s if replicas else None,
            **fields,
        }
    )


@dataclass
class Cluster:
    """Pods come when they are asked for and are ready after the cold start; drained and fewer, they go as a ReplicaSet chooses."""

    spec: PoolSpec
    cold_start_s: float = 20.0
    now_s: float = NOW_S
    replicas: int = 0
    pods: list[Pod] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    asked: list[tuple[float, int]] = field(default_factory=list)
    made: int = 0

    def see(self, work: dict[str, Work], **fields) -> Observation:
        ready = [
            replace(pod, ready_at_s=pod.asked_at_s + self.cold_start_s)
            if not pod.ready and self.now_s >= pod.asked_at_s + self.cold_start_s
            else pod
            for pod in self.pods
        ]
        self.pods = ready
        known = {"snapshot_at_s": self.now_s, "counts_at_s": self.now_s, **fields}
        return Observation(now_s=self.now_s, replicas=self.replicas, pods=tuple(self.pods), work=work, **known)

    def tick(self, work: dict[str, Work], pause_s: float = 5.0, **fields):
        decision = decide(self.spec, self.see(work, **fields), self.memory)
        self.memory = decision.memory
        self.apply(decision)
        self.now_s += pause_s
        return decision

    def apply(self, decision) -> None:
        self.pods = [
            replace(pod, draining=(pod.draining or pod.name in decision.drain) and pod.name not in decision.release)
            for pod in self.pods
        ]
        for pod in victims(self.pods, len(self.pods) - decision.replicas, self.now_s):
            self.pods.remove(pod)
        while len(self.pods) < decision.replicas:
            self.made += 1
            self.pods.append(Pod(f"pod-{self.made}", self.now_s, uid=f"uid-{self.made:04d}"))
        self.pods = [replace(pod, deletion_cost=deletion_cost(pod)) for pod in self.pods]
        if decision.replicas != self.replicas or not self.asked:
            self.asked.append((self.now_s, decision.replicas))
        self.replicas = decision.replicas


# ------------------------------------------------------------------ anything that may be
#
# Hypothesis draws a number, from which everything about a pool follows: a hundred times as fast as drawing each field, and a thousand
# examples of a property cost a second.

seconds = st.floats(0, 100_000)
rates = st.floats(0, 100)


def specs(**fields) -> st.SearchStrategy[PoolSpec]:
    return _drawn(lambda draw: replace(_spec(draw), **fields))


def observations(**fields) -> st.SearchStrategy[Observation]:
    return _drawn(lambda draw: replace(_observation(draw), **fields))


def resting() -> st.SearchStrategy[tuple[PoolSpec, Observation, Memory]]:
    """Pools with little to do and replicas to spare, some of them drained."""
    return _drawn(_resting)


def memories() -> st.SearchStrategy[Memory]:
    return _drawn(_memory)


class Draw(random.Random):
    def some(self, low: float, high: float) -> float:
        """Anywhere between, often at an end or a round number."""
        drawn = self.uniform(low, high)
        return self.choice([low, high, min(max(float(round(drawn)), low), high), drawn, drawn])

    def maybe(self, value):
        return self.choice([None, value])


def _drawn(build: Callable[[Draw], T]) -> st.SearchStrategy[T]:
    return st.integers(0, 2**64 - 1).map(lambda seed: build(Draw(seed)))


def _spec(draw: Draw) -> PoolSpec:
    low = draw.choice([0, 0, 1, 5])
    return PoolSpec(
        targets_s={"premium": draw.some(10, 600), "standard": draw.some(10, 7200)},
        min_replicas=low,
        max_replicas=max(low + draw.choice([0, 1, 4, 20]), 1),
        slots=draw.choice([1, 3, 16, 24]),
        speed=draw.some(0.1, 100),
        cold_start_s=draw.some(1, 600),
        up_stabilisation_s=draw.choice([0.0, 10.0]),
        down_stabilisation_s=draw.choice([60.0, 300.0]),
        cooldown_s=draw.choice([0.0, 300.0]),
        wake_on=draw.choice(list(WakeOn)),
        node_autoscaling=draw.random() < 0.5,
        drain_busy=draw.random() < 0.5,
    )


def _observation(draw: Draw) -> Observation:
    count = draw.choice([0, 1, 1, 2, 3, 8])
    return Observation(
        now_s=NOW_S,
        replicas=draw.choice([count, count, count, max(count - 1, 0), count + 2]),
        pods=tuple(_pod(draw, number) for number in range(count)),
        work={priority: draw.choice([Work(), _work(draw)]) for priority in TARGETS_S},
        snapshot_at_s=draw.choice([NOW_S, NOW_S, NOW_S, NOW_S - 40, None]),
        counts_at_s=draw.choice([NOW_S, NOW_S, NOW_S, NOW_S, NOW_S - 40, None]),
        busy_replicas=draw.some(0, count),
        upstream_jobs=draw.choice([0, 0, 1, 5]),
        rollout=draw.random() < 0.2,
        free_gpus=draw.choice([None, None, 0, 1, 5]),
    )


def _pod(draw: Draw, number: int) -> Pod:
    asked_at_s = NOW_S - draw.some(0, 2000)
    ready = draw.random() < 0.8
    return Pod(
        name=f"pod-{number}",
        uid=f"uid-{draw.randrange(100):02d}-{number}",
        asked_at_s=asked_at_s,
        ready_at_s=draw.some(asked_at_s, NOW_S) if ready else None,
        units=draw.choice([0, 0, 1, 3]) if ready else 0,
        remaining_s=draw.some(0, 5000),
        draining=ready and draw.random() < 0.4,
        node="node" if ready else draw.choice(["", "node"]),
        deletion_cost=draw.choice([-1000, -1000, 0, 0, 150]),
    )


def _resting(draw: Draw) -> tuple[PoolSpec, Observation, Memory]:
    count = draw.choice([1, 1, 2, 3, 8])
    some = [_pod(draw, number) for number in range(count)]
    # What drains has been seen to be idle, and its cost is there, in most cases.
    some = [
        replace(pod, ready_at_s=NOW_S - 500, node="node", draining=True, units=0, deletion_cost=-1000)
        if draw.random() < 0.5
        else replace(
            pod, ready_at_s=NOW_S - 500, node="node", units=draw.choice([0, 2]), deletion_cost=draw.choice([0, 150])
        )
        if draw.random() < 0.8
        else pod
        for pod in some
    ]
    seen = replace(
        _observation(draw),
        replicas=count,
        pods=tuple(some),
        work={"standard": draw.choice([Work(), Work(), Work(queued_s=5.0, units=1)])},
        snapshot_at_s=draw.choice([NOW_S, NOW_S, NOW_S, NOW_S - 40]),
        counts_at_s=NOW_S,
        upstream_jobs=draw.choice([0, 0, 0, 1]),
    )
    return (
        replace(_spec(draw), min_replicas=draw.choice([0, 0, 1, 2])),
        seen,
        settled(count, quiet_since_s=NOW_S - draw.some(0, 600)),
    )


def _work(draw: Draw) -> Work:
    return Work(
        queued_s=draw.some(0, 100_000),
        in_flight_s=draw.some(0, 500),
        arriving_s=draw.choice([0.0, draw.some(0, 100_000)]),
        arrived_s_per_s=draw.some(0, 100),
        done_s_per_s=draw.some(0, 100),
        units=draw.choice([0, 1, 7, 200]),
        expected_units=draw.choice([0, 0, 16, 50]),
    )


def _memory(draw: Draw) -> Memory:
    falling = sorted({draw.randrange(20) for _ in range(draw.randrange(4))}, reverse=True)
    times_s = sorted(NOW_S - draw.some(1, 300) for _ in falling)
    before = draw.randrange(8)
    step = Step(NOW_S - draw.some(0, 60), before, before + draw.randrange(12))
    past = ("learnt_at_s", "short_since_s", "last_done_s", "first_ready_s", "quiet_since_s")
    return Memory(
        arrivals={priority: draw.choice([0.0, draw.some(0, 100)]) for priority in TARGETS_S},
        speed=draw.maybe(draw.some(0.01, 500)),
        busy_s=draw.choice([0.0, 30.0]),
        seconds_per_unit=draw.maybe(draw.some(0.1, 5000)),
        cold_starts_s=tuple(draw.some(1, 600) for _ in range(draw.choice([0, 1, 10]))),
        started=tuple(f"pod-{number}" for number in range(draw.choice([0, 3, 8]))),
        recommendations=tuple(zip(times_s, falling, strict=True)),
        step=draw.maybe(step),
        decided_at_s=draw.choice([None, NOW_S - 2, NOW_S - 2, NOW_S - 500]),
        unknown_since_s=draw.maybe(NOW_S - draw.some(0, 1000)),
        missing_since_s=draw.maybe(NOW_S - draw.some(0, 120)),
        **{name: draw.maybe(NOW_S - draw.some(0, 1000)) for name in past},
    )
