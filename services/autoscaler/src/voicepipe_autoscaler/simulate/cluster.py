"""One pool of workers in a simulated cluster: jobs arrive, pods start, pull, work and are stopped."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from voicepipe_autoscaler.observation import Pod
from voicepipe_autoscaler.victims import victims

from .run import Run
from .trace import Recording
from .work import START_S, Job, Queue, Unit, job_of

NODES = 4
PREPARED_AT_ONCE = 4
ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the pool really is, whatever a policy believes.

    `speed` is that of a replica with all its slots in use; a slot has its share. `chunk_s` is None where a recording is one unit.
    `grace_s` is what a stopped pod has left to end what it works on; the rest is handed back and done again.
    """

    slots: int
    speed: float
    cold_start_s: float
    chunk_s: float | None = 25.0
    window: int = 16
    prepare_speed: float = 300.0
    grace_s: float = 15.0


@dataclass(slots=True, eq=False)
class SimulatedPod:
    name: str
    asked_at_s: float
    node: str
    ready_at_s: float | None = None
    in_hand: dict[Unit, float] = field(default_factory=dict)  # since when
    draining: bool = False
    stopping: bool = False
    deletion_cost: int = 0
    busy_s: float = 0.0  # of slots
    counted_at_s: float = 0.0


@dataclass(slots=True)
class Amounts:
    """Of one priority: seconds of audio that arrived, are done, are left and are in flight, and the messages in flight."""

    arrived_s: float = 0.0
    done_s: float = 0.0
    left_s: float = 0.0
    in_flight_s: float = 0.0
    in_flight: int = 0


class Policy(Protocol):
    """An autoscaler. `tick` is called every `period_s` and scales the pool."""

    name: str
    period_s: float
    min_replicas: int
    grace_s: float | None  # its own, where it does not leave stopping to the pod

    def tick(self, pool: Pool) -> None: ...


class Pool:
    def __init__(self, hardware: Hardware, recordings: Sequence[Recording], policy: Policy) -> None:
        self.hardware = hardware
        self.policy = policy
        self.grace_s = hardware.grace_s if policy.grace_s is None else policy.grace_s
        self.now_s = 0.0
        self.pods: list[SimulatedPod] = []
        self.queue = Queue()
        self.run = Run(policy.name)
        self.jobs = [job_of(recording, hardware.chunk_s) for recording in recordings]
        self.preparing: list[Job] = []
        self.amounts = {"premium": Amounts(), "standard": Amounts()}
        self.slot_s = 0.0  # how long slots have worked, of all pods that ever were
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._names = itertools.count(1)
        for job in self.jobs:
            self._at(job.recording.at_s, partial(self._arrive, job))
        self.scale(policy.min_replicas)
        self._at(0.0, self._tick)

    # -------------------------------------------------------------- for policies

    @property
    def replicas(self) -> int:
        return len(self.pods)

    @property
    def lags(self) -> list[int]:
        """Messages that wait or are in flight, as the consumer of each priority counts them."""
        return [len(self.queue.waiting[priority]) + amounts.in_flight for priority, amounts in self.amounts.items()]

    def scale(self, replicas: int) -> None:
        """More pods are created; of fewer, the ReplicaSet chooses which go."""
        for _ in range(replicas - self.replicas):
            self._create()
        surplus = self.replicas - replicas
        for pod in victims([self.seen(pod) for pod in self.pods] if surplus > 0 else [], surplus, self.now_s):
            self._stop(next(one for one in self.pods if one.name == pod.name))
        self.run.scaled(self.now_s, self.replicas)

    def seen(self, pod: SimulatedPod) -> Pod:
        return Pod(
            name=pod.name,
            uid=pod.name,
            asked_at_s=pod.asked_at_s,
            ready_at_s=pod.ready_at_s,
            units=len(pod.in_hand),
            remaining_s=max(
                (self.duration_s(one) + at_s - self.now_s for one, at_s in pod.in_hand.items()), default=0.0
            ),
            draining=pod.draining,
            node=pod.node,
            deletion_cost=pod.deletion_cost,
        )

    def duration_s(self, unit: Unit) -> float:
        return unit.audio_s * self.hardware.slots / self.hardware.speed if unit.audio_s else START_S

    def busy_s(self, pod: SimulatedPod) -> float:
        """Slot seconds that the pod has worked so far."""
        worked_s = len(pod.in_hand) * (self.now_s - pod.counted_at_s)
        pod.busy_s += worked_s
        self.slot_s += worked_s
        pod.counted_at_s = self.now_s
        return pod.busy_s

    # -------------------------------------------------------------- events

    def until(self, end_s: float) -> Run:
        while self._events and self._events[0][0] <= end_s:
            self.now_s, _, event = heapq.heappop(self._events)
            event()
        self.now_s = end_s
        for pod in self.pods:
            self.run.pod_s += end_s - pod.asked_at_s
        self.run.close(self.jobs)
        return self.run

    def _at(self, at_s: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_s, next(self._order), event))

    def _tick(self) -> None:
        self.policy.tick(self)
        self.run.sampled(self.now_s, sum(amounts.left_s for amounts in self.amounts.values()))
        self._at(self.now_s + self.policy.period_s, self._tick)

    def _arrive(self, job: Job) -> None:
        self.preparing.append(job)
        if len(self.preparing) <= PREPARED_AT_ONCE:
            self._prepare(job)

    def _prepare(self, job: Job) -> None:
        self._at(self.now_s + 0.5 + job.recording.audio_s / self.hardware.prepare_speed, lambda: self._prepared(job))

    def _prepared(self, job: Job) -> None:
        self.preparing.remove(job)
        if len(self.preparing) >= PREPARED_AT_ONCE:
            self._prepare(self.preparing[PREPARED_AT_ONCE - 1])
        job.prepared = True
        self.amounts[job.priority].arrived_s += job.left_s
        self.amounts[job.priority].left_s += job.left_s
        if self.hardware.chunk_s is None:
            job.started = True
            self.queue.put(Unit(job, job.lengths_s.popleft()))
        else:
            self.queue.put(Unit(job, 0.0))
        self.dispatch()

    def _create(self) -> None:
        number = next(self._names)
        pod = SimulatedPod(f"pod-{number:04d}", self.now_s, f"node-{number % NODES}")
        self.pods.append(pod)
        takes_s = self.hardware.cold_start_s * random.Random(number).uniform(0.85, 1.15)
        self._at(self.now_s + takes_s, lambda: self._ready(pod))

    def _ready(self, pod: SimulatedPod) -> None:
        if not pod.stopping:
            pod.ready_at_s = pod.counted_at_s = self.now_s
            self.dispatch()

    def _stop(self, pod: SimulatedPod) -> None:
        self.pods.remove(pod)
        pod.stopping = True
        if not pod.in_hand:
            self.run.pod_s += self.now_s - pod.asked_at_s
            return
        self.run.interruptions += 1
        ends_s = max(self.now_s, *(at_s + self.duration_s(unit) for unit, at_s in pod.in_hand.items()))
        self._at(min(ends_s, self.now_s + self.grace_s), lambda: self._kill(pod))

    def _kill(self, pod: SimulatedPod) -> None:
        self.busy_s(pod)
        self.run.pod_s += self.now_s - pod.asked_at_s
        for unit, at_s in list(pod.in_hand.items()):
            if at_s + self.duration_s(unit) <= self.now_s:
                continue  # ends at this very moment
            del pod.in_hand[unit]
            self.run.redone_s += (self.now_s - at_s) / self.duration_s(unit) * unit.audio_s
            self._put_down(unit)
            self.queue.put(Unit(unit.job, unit.audio_s))
        self.dispatch()

    def dispatch(self) -> None:
        """Every free slot pulls; the pod with the fewest in hand comes first."""
        pulling = [pod for pod in self.pods if pod.ready_at_s is not None and not pod.draining]
        while len(self.queue):
            free = [pod for pod in pulling if len(pod.in_hand) < self.hardware.slots]
            unit = self.queue.pull() if free else None
            if unit is None:
                return
            self._take(min(free, key=lambda one: len(one.in_hand)), unit)

    def _take(self, pod: SimulatedPod, unit: Unit) -> None:
        self.busy_s(pod)
        pod.in_hand[unit] = self.now_s
        amounts = self.amounts[unit.job.priority]
        amounts.in_flight += 1
        amounts.in_flight_s += unit.audio_s
        self._at(self.now_s + self.duration_s(unit), lambda: self._done(pod, unit))

    def _put_down(self, unit: Unit) -> None:
        amounts = self.amounts[unit.job.priority]
        amounts.in_flight -= 1
        amounts.in_flight_s -= unit.audio_s

    def _done(self, pod: SimulatedPod, unit: Unit) -> None:
        if unit not in pod.in_hand:
            return  # handed back meanwhile
        self.busy_s(pod)
        del pod.in_hand[unit]
        self._put_down(unit)
        job, amounts = unit.job, self.amounts[unit.job.priority]
        amounts.left_s -= unit.audio_s
        amounts.done_s += unit.audio_s
        job.left_s -= unit.audio_s
        queued = 1 if job.started else self.hardware.window
        job.started = True
        for _ in range(min(queued, len(job.lengths_s))):
            self.queue.put(Unit(job, job.lengths_s.popleft()))
        if job.left_s < ROUNDING_S:
            job.finished_at_s = self.now_s + START_S
        self.dispatch()
