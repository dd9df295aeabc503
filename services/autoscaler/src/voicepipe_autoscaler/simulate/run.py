"""What a simulated run was like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from voicepipe_autoscaler.learning import percentile

from .work import Job


@dataclass(slots=True)
class Run:
    """`interruptions` are pods that were stopped with work in hand, `redone_s` the audio that was begun anew because of that."""

    policy: str
    replicas: list[tuple[float, int]] = field(default_factory=list)
    backlog_s: list[tuple[float, float]] = field(default_factory=list)
    pod_s: float = 0.0
    interruptions: int = 0
    redone_s: float = 0.0
    took_s: dict[str, list[float]] = field(default_factory=dict)
    last_s: float = 0.0
    unfinished: int = 0

    def scaled(self, now_s: float, replicas: int) -> None:
        if not self.replicas or self.replicas[-1][1] != replicas:
            self.replicas.append((now_s, replicas))

    def sampled(self, now_s: float, backlog_s: float) -> None:
        self.backlog_s.append((now_s, backlog_s))

    def close(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            if job.finished_at_s is None:
                self.unfinished += 1
            else:
                self.took_s.setdefault(job.priority, []).append(job.finished_at_s - job.recording.at_s)
                self.last_s = max(self.last_s, job.finished_at_s)

    @property
    def all_s(self) -> list[float]:
        return [took_s for times_s in self.took_s.values() for took_s in times_s]

    @property
    def flaps(self) -> int:
        """How often the direction changed."""
        counts = [count for _, count in self.replicas]
        steps = [after - before for before, after in pairwise(counts)]
        return sum((one > 0) != (other > 0) for one, other in pairwise(steps))

    @property
    def most(self) -> int:
        return max(count for _, count in self.replicas)

    def late(self, priority: str, target_s: float) -> int:
        return sum(took_s > target_s for took_s in self.took_s.get(priority, ()))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def p95(values: Sequence[float]) -> float:
    return percentile(values, 0.95) if values else 0.0
