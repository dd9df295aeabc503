"""A model of Ray Serve's autoscaling: requests per running replica, averaged over 30 s; up after 30 s, down after 600 s."""

from __future__ import annotations

import math
from collections import deque

from .cluster import Pool

LOOK_BACK_S = 30.0


class Ray:
    """A stopped replica has Ray's 20 s. The target is what a replica works on at once.

    While no replica runs there is no delay, and never more than one is started.
    """

    name = "Ray Serve"
    period_s = 1.0
    grace_s: float | None = 20.0
    min_replicas = 0
    up_delay_s = 30.0
    down_delay_s = 600.0

    def __init__(self, max_replicas: int, target_requests: int) -> None:
        self.max_replicas = max_replicas
        self.target_requests = target_requests
        self._requests: deque[int] = deque(maxlen=int(LOOK_BACK_S / self.period_s))
        self._streak_s = 0.0  # above zero while it wants more, below while it wants fewer

    def tick(self, pool: Pool) -> None:
        self._requests.append(sum(pool.lags))
        requests = sum(self._requests) / len(self._requests)
        replicas = pool.replicas
        if not any(pod.ready_at_s is not None for pod in pool.pods):
            if requests > 0:
                pool.scale(max(replicas, 1))
            return
        desired = min(math.ceil(requests / self.target_requests), self.max_replicas)
        if desired > replicas:
            self._streak_s = max(self._streak_s, 0.0) + self.period_s
            if self._streak_s > self.up_delay_s:
                self._scale(pool, desired)
        elif desired < replicas:
            self._streak_s = min(self._streak_s, 0.0) - self.period_s
            if self._streak_s < -self.down_delay_s:
                self._scale(pool, desired if replicas == 1 else max(desired, 1))
        else:
            self._streak_s = 0.0

    def _scale(self, pool: Pool, replicas: int) -> None:
        self._streak_s = 0.0
        pool.scale(replicas)
