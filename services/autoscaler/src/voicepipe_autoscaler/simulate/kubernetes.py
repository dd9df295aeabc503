"""Models of the Horizontal Pod Autoscaler by CPU, and of KEDA's scaler for NATS JetStream with the HPA that it makes."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from .cluster import Pool

SYNC_S = 15.0
TOLERANCE = 0.1
DOWN_WINDOW_S = 300.0


@dataclass(slots=True)
class Behaviour:
    """The HPA's default behaviour: up by 4 pods or 100 % in 15 s, down to the most recommended within 300 s."""

    min_replicas: int
    max_replicas: int
    window_s: float = DOWN_WINDOW_S
    recommendations: deque[tuple[float, int]] = field(default_factory=deque)
    added: deque[tuple[float, int]] = field(default_factory=deque)

    def apply(self, now_s: float, replicas: int, desired: int) -> int:
        if not self.recommendations:
            self.recommendations.append((now_s, replicas))
        self.recommendations.append((now_s, desired))
        while self.recommendations[0][0] < now_s - self.window_s:
            self.recommendations.popleft()
        while self.added and self.added[0][0] <= now_s - SYNC_S:
            self.added.popleft()
        if desired < replicas:
            desired = min(max(count for _, count in self.recommendations), replicas)
        started_from = replicas - sum(count for _, count in self.added)
        desired = min(desired, max(started_from + 4, started_from * 2), self.max_replicas)
        desired = max(desired, self.min_replicas)
        if desired > replicas:
            self.added.append((now_s, desired - replicas))
        return desired


class HpaByCpu:
    """Target 80 % of the requested CPU, which a pod uses when all its slots work. It cannot scale to zero."""

    name = "HPA by CPU"
    period_s = SYNC_S
    grace_s: float | None = None
    min_replicas = 1

    def __init__(self, max_replicas: int, target: float = 0.8) -> None:
        self.target = target
        self.behaviour = Behaviour(1, max_replicas)
        self._before_s: dict[str, float] = {}

    def tick(self, pool: Pool) -> None:
        measured = [pod for pod in pool.pods if pod.ready_at_s is not None and pod.name in self._before_s]
        used = [(pool.busy_s(pod) - self._before_s[pod.name]) / SYNC_S / pool.hardware.slots for pod in measured]
        self._before_s = {pod.name: pool.busy_s(pod) for pod in pool.pods if pod.ready_at_s is not None}
        if used:
            desired = self._desired(used, pool.replicas)
            pool.scale(self.behaviour.apply(pool.now_s, pool.replicas, desired))

    def _desired(self, used: list[float], replicas: int) -> int:
        """Pods that are not ready count as idle when it goes up, and not at all otherwise."""
        ratio = sum(used) / len(used) / self.target
        unready = replicas - len(used)
        if unready and ratio > 1:
            ratio = sum(used) / replicas / self.target
            if ratio <= 1 + TOLERANCE:
                return replicas
            return math.ceil(ratio * replicas)
        return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(ratio * len(used))


class Keda:
    """`nats-jetstream`: lag = pending + ack pending, 10 messages per replica. KEDA itself scales between zero and one.

    Each priority has a consumer and so a trigger of its own. The pool is active while one of them is, and the HPA takes the most that one wants.
    """

    name = "KEDA"
    period_s = SYNC_S
    grace_s: float | None = None
    min_replicas = 0
    polling_s = 30.0

    def __init__(self, max_replicas: int, lag_threshold: int = 10, window_s: float = DOWN_WINDOW_S) -> None:
        """`window_s` is the HPA's stabilisation window and KEDA's cooldown, which both are 300 s by default."""
        self.lag_threshold = lag_threshold
        self.cooldown_s = window_s
        self.behaviour = Behaviour(1, max_replicas, window_s)
        self._polled_at_s = -math.inf
        self._active_at_s = -math.inf

    def tick(self, pool: Pool) -> None:
        if pool.now_s - self._polled_at_s >= self.polling_s:
            self._polled_at_s = pool.now_s
            self._poll(pool)
        if pool.replicas:
            desired = max(self._desired(lag, pool.replicas) for lag in pool.lags)
            pool.scale(self.behaviour.apply(pool.now_s, pool.replicas, desired))

    def _poll(self, pool: Pool) -> None:
        if any(pool.lags):
            self._active_at_s = pool.now_s
            if pool.replicas == 0:
                pool.scale(1)
        elif pool.replicas and pool.now_s - self._active_at_s > self.cooldown_s:
            pool.scale(0)

    def _desired(self, lag: int, replicas: int) -> int:
        ratio = lag / (self.lag_threshold * replicas)
        return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(lag / self.lag_threshold)
