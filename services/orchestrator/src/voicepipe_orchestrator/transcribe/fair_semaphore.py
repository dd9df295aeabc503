"""A semaphore that grants the next slot to the holder with the fewest.

It limits the requests that are sent to the models. A model serves its own queue in order of arrival, so if a three-hour
recording has sixteen chunks in it, every other job waits for all sixteen. Requests that wait here instead can be
overtaken.

Invariants:

- At most `count` slots are held, and at most `per_holder` by one holder. `_held` counts them; only `_grant` and
  `_release` change it.
- A free slot is never kept while a holder below its limit waits: `_grant` runs whenever a request arrives and a slot is
  released.
- No slot is lost to a cancelled waiter. Cancelled while waiting, its future is cancelled, and `_grant` skips it.
  Cancelled in the same iteration of the event loop in which the slot was granted, `_acquire` releases the slot again.

There is no lock: between two awaits nothing else runs on the event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class FairSemaphore:
    """`count` slots, of which one holder has at most `per_holder` at a time.

    With `per_holder` below `count`, the first request of a short job finds a free slot while a long recording is in
    progress. Among holders with equally many slots, the one that has waited longest is next, but never the same one
    twice in a row while others wait: otherwise a clip would wait for two chunks of a long recording, the one in
    progress and the next one, which has waited longer.
    """

    def __init__(self, count: int, per_holder: int | None = None) -> None:
        self._count = count
        self._per_holder = count if per_holder is None else per_holder
        self._held: Counter[Hashable] = Counter()
        self._last: Hashable = None
        # Holders in the order in which they started to wait.
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def slot(self, holder: Hashable) -> AsyncIterator[None]:
        await self._acquire(holder)
        try:
            yield
        finally:
            self._release(holder)

    async def _acquire(self, holder: Hashable) -> None:
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(holder, deque()).append(granted)
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():  # granted and cancelled in the same iteration of the event loop
                self._release(holder)
            raise

    def _release(self, holder: Hashable) -> None:
        self._held[holder] -= 1
        if not self._held[holder]:
            del self._held[holder]
        self._grant()

    def _grant(self) -> None:
        while self._held.total() < self._count:
            eligible = [holder for holder in self._waiting if self._held[holder] < self._per_holder]
            if not eligible:
                return
            holder = min(eligible, key=lambda holder: (self._held[holder], holder == self._last))
            waiters = self._waiting.pop(holder)
            waiter = waiters.popleft()
            if waiters:  # reinserted at the end: its next request waits behind those of other holders
                self._waiting[holder] = waiters
            if not waiter.cancelled():
                self._held[holder] += 1
                self._last = holder
                waiter.set_result(None)
