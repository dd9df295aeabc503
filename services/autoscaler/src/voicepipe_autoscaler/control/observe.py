"""Puts together what is seen of a pool: its pods, its commands, its backlog, and what its workers say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from voicepipe_wire.v1.scaling_pb2 import QueueBacklog, WorkerState

from voicepipe_autoscaler.dead_letters import DeadLetters
from voicepipe_autoscaler.observation import Observation, Pod, Work

from .target import Replicas


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of the work of one pool. Times are those of this process, at which the figures were new."""

    backlog: tuple[QueueBacklog, ...] = ()
    backlog_at_s: float | None = None
    has_rates: bool = True
    # By priority: commands that wait, and commands in flight.
    commands: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    commands_at_s: float | None = None
    workers: Mapping[str, WorkerState] = field(default_factory=dict)
    # Workers that have answered before.
    known_workers: frozenset[str] = frozenset()
    busy_replicas: float = 0.0
    dead_letters: DeadLetters | None = None
    stuck_jobs: int = 0


def observation(now_s: float, replicas: Replicas, seen: Sighting) -> Observation:
    return Observation(
        now_s=now_s,
        replicas=replicas.asked,
        pods=tuple(_pod(pod, seen) for pod in replicas.pods),
        work=_work(seen),
        snapshot_at_s=seen.backlog_at_s,
        counts_at_s=seen.commands_at_s,
        busy_replicas=seen.busy_replicas,
        upstream_jobs=sum(queue.upstream_jobs for queue in seen.backlog),
        rollout=replicas.rollout,
        free_gpus=replicas.free_gpus,
        has_rates=seen.has_rates,
        dead_letters=seen.dead_letters,
        stuck_jobs=seen.stuck_jobs,
    )


def _pod(pod: Pod, seen: Sighting) -> Pod:
    state = seen.workers.get(pod.name)
    if state is not None:
        return replace(pod, units=state.in_flight, remaining_s=state.remaining_s, draining=state.draining)
    # A worker that has started and does not answer may be in the middle of anything.
    is_started = pod.ready or pod.name in seen.known_workers
    return replace(pod, units=int(is_started), draining=False)


def _work(seen: Sighting) -> dict[str, Work]:
    """The seconds are those of the snapshot, the units those of the consumers."""
    queues = {queue.priority: queue for queue in seen.backlog}
    return {
        priority: _of(queues.get(priority, QueueBacklog()), sum(seen.commands.get(priority, (0, 0))))
        for priority in sorted({*queues, *seen.commands})
    }


def _of(queue: QueueBacklog, units: int) -> Work:
    return Work(
        queued_s=queue.queued_s,
        in_flight_s=queue.in_flight_s,
        arriving_s=queue.arriving_s,
        arrived_s_per_s=queue.arrived_s_per_s,
        done_s_per_s=queue.done_s_per_s,
        units=units,
        expected_units=queue.expected_commands,
    )


class BusyMeter:
    """The mean number of busy replicas between two snapshots, from what the workers count."""

    def __init__(self) -> None:
        self._busy_s: dict[str, float] = {}
        self._sum_s = 0.0
        self._since_s: float | None = None

    def add(self, states: Iterable[WorkerState]) -> None:
        """Count the busy time since the last call. That of a worker before it was first seen is not known."""
        seen = {state.name: state.busy_s for state in states}
        self._sum_s += sum(max(busy_s - self._busy_s.get(name, busy_s), 0.0) for name, busy_s in seen.items())
        # A worker that does not answer once is not forgotten: its next answer includes the time between.
        self._busy_s |= seen

    def take(self, now_s: float, workers: Iterable[str]) -> float:
        """The mean since the last call, which is when the snapshot before this one was new."""
        since_s, self._since_s = self._since_s, now_s
        total_s, self._sum_s = self._sum_s, 0.0
        remaining = set(workers)
        self._busy_s = {name: busy_s for name, busy_s in self._busy_s.items() if name in remaining}
        return total_s / (now_s - since_s) if since_s is not None and now_s > since_s else 0.0
