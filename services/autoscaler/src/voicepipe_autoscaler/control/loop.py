"""A pass every two seconds. What goes wrong in one loop touches no other, and the next pass looks again at everything."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog
from voicepipe_wire import aio

from .target import TargetAway

log = structlog.get_logger(__name__)

EVERY_S = 2.0
FAILING_AFTER_S = 30.0


class PassLoop:
    """Runs `step` again and again. A step that raises has still ended: only one that hangs makes `check` fail."""

    def __init__(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._step = step
        self._ended_at = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._try()
            self._ended_at = time.monotonic()
            await aio.pause(stop, EVERY_S * random.uniform(0.9, 1.1))

    async def check(self) -> None:
        """Raises ConnectionError if no pass has ended lately."""
        late_s = time.monotonic() - self._ended_at
        if late_s > FAILING_AFTER_S:
            raise ConnectionError(f"the last pass over {self.name} ended {late_s:.0f} s ago")

    async def _try(self) -> None:
        try:
            await self._step()
        except TargetAway as error:
            log.warning("pool cannot be scaled, trying again", pool=self.name, reason=str(error))
        except Exception:
            log.exception("bug in a pass", pool=self.name)
