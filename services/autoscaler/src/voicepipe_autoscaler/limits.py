"""What holds the replicas of a pool down, or up, whatever it needs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .decision import Reason
from .memory import Memory
from .observation import Observation, Pod
from .pool import PoolSpec

ABSENT_FOR_S = 60.0  # a pod that was not created, or found no node
UNREADY_FOR = 3.0  # cold starts, and a minute


@dataclass(frozen=True, slots=True)
class Limits:
    """`most` is the lowest of the upper limits, with the reason for it."""

    low: int
    high: int
    most: int
    reason: Reason

    def apply(self, needed: int) -> int:
        return min(max(needed, self.low), self.most)


@dataclass(frozen=True, slots=True)
class Lost:
    """Replicas that are no longer expected to become ready: they are no capacity, and nobody waits for them."""

    pods: tuple[Pod, ...] = ()
    not_created: int = 0

    @property
    def count(self) -> int:
        return len(self.pods) + self.not_created


def limits(spec: PoolSpec, seen: Observation, lost: Lost) -> Limits:
    low, high = spec.bounds(seen.now_s)
    upper = [(high, Reason.AT_MAX)]
    if seen.free_gpus is not None and not spec.node_autoscaling:
        upper.append((sum(pod.node != "" for pod in seen.pods) + seen.free_gpus, Reason.TOO_FEW_GPUS))
    if lost.not_created:
        upper.append((seen.replicas, Reason.PODS_NOT_CREATED))
    if any(pod.node == "" for pod in lost.pods):
        upper.append((seen.replicas, Reason.NO_NODES))
    if lost.pods and not any(pod.ready for pod in seen.pods):
        upper.append((seen.replicas, Reason.PODS_NOT_READY))
    most, reason = min(upper, key=lambda one: one[0])
    return Limits(low, high, most, reason)


def lost(spec: PoolSpec, seen: Observation, memory: Memory, cold_start_s: float) -> Lost:
    unready_for_s = UNREADY_FOR * cold_start_s + 60.0
    pods = tuple(
        pod
        for pod in seen.pods
        if not pod.ready and seen.now_s - pod.asked_at_s > _patience_s(spec, pod, unready_for_s)
    )
    since_s = memory.missing_since_s
    absent = since_s is not None and seen.now_s - since_s > ABSENT_FOR_S
    return Lost(pods, max(seen.replicas - len(seen.pods), 0) if absent else 0)


def _patience_s(spec: PoolSpec, pod: Pod, unready_for_s: float) -> float:
    waits_for_a_node = pod.node == "" and not spec.node_autoscaling
    return ABSENT_FOR_S if waits_for_a_node else unready_for_s
