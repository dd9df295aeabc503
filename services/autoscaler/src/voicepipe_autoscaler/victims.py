"""Which pods a ReplicaSet deletes when it is made smaller. Pure.

The order is that of Kubernetes' ReplicaSet controller (`ActivePodsWithRanks`), which compares ages only by their order of magnitude and then
decides by uid. A deletion cost counts for nothing beside a pod that is not ready.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cmp_to_key

from .observation import Pod

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
DRAINED, IDLE, BUSY = -1000, 0, 100
LONGEST_S = 86_400

_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def deletion_cost(pod: Pod) -> int:
    """The cost to write into the pod's annotation: a drained pod goes first, the one with the longest work last.

    A pod that drains and still works is busy: it must not go yet.
    """
    if pod.units > 0:
        return BUSY + math.ceil(min(pod.remaining_s, LONGEST_S))
    return DRAINED if pod.draining else IDLE


def victims(pods: Sequence[Pod], count: int, now_s: float) -> tuple[Pod, ...]:
    """The pods that go if `count` of them have to, first the one that goes first."""
    together = Counter(pod.node for pod in pods)

    def compare(one: Pod, other: Pod) -> int:
        left, right = _rank(one, together[one.node]), _rank(other, together[other.node])
        if left != right:
            return -1 if left < right else 1
        by_age = _by_age(one, other, one.ready_at_s, other.ready_at_s, now_s) if one.ready else 0
        return by_age or other.restarts - one.restarts or _by_age(one, other, one.asked_at_s, other.asked_at_s, now_s)

    in_order = sorted(pods, key=lambda pod: (pod.uid, pod.name))
    return tuple(sorted(in_order, key=cmp_to_key(compare))[: max(count, 0)])


def _rank(pod: Pod, together: int) -> tuple[bool, int, bool, int, int]:
    """What counts before ages: not assigned, pending, not ready, cheap, on one node with many others."""
    return (pod.node != "", _PHASES.get(pod.phase, 2), pod.ready, pod.deletion_cost, -together)


def _by_age(one: Pod, other: Pod, since_s: float | None, other_since_s: float | None, now_s: float) -> int:
    """Below zero if `one` is so much younger that it goes first, or goes first by its uid; zero if both are of one time."""
    if since_s == other_since_s:
        return 0
    by_magnitude = _magnitude(since_s, now_s) - _magnitude(other_since_s, now_s)
    return by_magnitude or (-1 if one.uid < other.uid else 1)


def _magnitude(since_s: float | None, now_s: float) -> int:
    """The order of magnitude of an age, in powers of two of a nanosecond; -1 for none."""
    age_ns = 0.0 if since_s is None else (now_s - since_s) * 1e9
    return int(math.log2(age_ns)) if age_ns >= 1 else -1
