"""Places in front of the model, shared fairly: the next free one goes to whoever holds the fewest.

What waits in a model's own queue is served in the order of arrival, so a three-hour recording with sixteen chunks there keeps
everybody else waiting for all sixteen. What waits here can be overtaken.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class FairSemaphore:
    """`count` places, of which one holder has at most `per_holder` at a time.

    With fewer for each than there are, a newcomer finds a free place beside a long recording. Of those who hold equally many, the one
    who has waited longest goes first; never the same twice while others wait. Without that a clip would wait for two chunks of a
    long recording: that of its arrival, and the next, which has waited longer.
    """

    def __init__(self, count: int, per_holder: int | None = None) -> None:
        self._count = count
        self._per_holder = count if per_holder is None else per_holder
        self._held: Counter[Hashable] = Counter()
        self._last: Hashable = None
        # In the order in which each began to wait.
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def slot(self, holder: Hashable) -> AsyncIterator[None]:
        await self._acquire(holder)
        try:
            yield
        finally:
            self._release(holder)

    async def _acquire(self, holder: Hashable) -> None:
        slot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(holder, deque()).append(slot)
        self._grant()
        try:
            await slot
        except asyncio.CancelledError:
            if not slot.cancelled():  # it came in the same moment
                self._release(holder)
            raise

    def _release(self, holder: Hashable) -> None:
        self._held[holder] -= 1
        if not self._held[holder]:
            del self._held[holder]
        self._grant()

    def _grant(self) -> None:
        while self._held.total() < self._count:
            entitled = [each for each in self._waiting if self._held[each] < self._per_holder]
            if not entitled:
                return
            holder = min(entitled, key=lambda each: (self._held[each], each == self._last))
            # To the end of the order, if more of the same holder wait.
            slots = self._waiting.pop(holder)
            slot = slots.popleft()
            if slots:
                self._waiting[holder] = slots
            if not slot.cancelled():
                self._held[holder] += 1
                self._last = holder
                slot.set_result(None)
