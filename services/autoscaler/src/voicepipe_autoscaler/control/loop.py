"""Passes over one pool, every two seconds. What goes wrong in one pool touches no other."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog
from voicepipe_wire import aio

from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.pool import PoolSpec

from .reconcile import Pass, Reconciler
from .target import TargetAway

log = structlog.get_logger(__name__)

EVERY_S = 2.0
FAILING_AFTER_S = 30.0

AfterPass = Callable[[Pass], Awaitable[None]]


async def nothing_more(_: Pass) -> None:
    """The default of `PoolLoop.after`."""


class PoolLoop:
    """The passes over one pool. `spec` and `memory` may be replaced between two passes; `after` is told of each pass."""

    def __init__(
        self, name: str, spec: PoolSpec, memory: Memory, reconciler: Reconciler, after: AfterPass = nothing_more
    ) -> None:
        self.name = name
        self.spec = spec
        self.memory = memory
        self._reconciler = reconciler
        self._after = after
        self._passed_at = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._try()
            await aio.pause(stop, EVERY_S * random.uniform(0.9, 1.1))

    async def check(self) -> None:
        """Raises ConnectionError if no pass has ended lately."""
        late_s = time.monotonic() - self._passed_at
        if late_s > FAILING_AFTER_S:
            raise ConnectionError(f"the last pass over {self.name} ended {late_s:.0f} s ago")

    async def _try(self) -> None:
        try:
            done = await self._reconciler.run(self.spec, self.memory)
            self.memory = done.decision.memory
            if done.changes:
                log.info("replicas", pool=self.name, reason=str(done.decision.reason), sum=done.decision.message)
            await self._after(done)
            self._passed_at = time.monotonic()
        except TargetAway as error:
            log.warning("pool cannot be scaled, trying again", pool=self.name, reason=str(error))
        except Exception:
            log.exception("bug in a pass", pool=self.name)
