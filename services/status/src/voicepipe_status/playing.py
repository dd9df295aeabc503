"""Recordings on their way from the object store to players.

A player that is paused stops reading, and its response would hold a connection to the object store for as long as it is paused. Invariants:

- Players have a client of the object store of their own, with a connection for each of them: whoever else uses the store never waits for one.
- A player that takes nothing for `stall_s` is `stalled`, and its response is ended, whatever it waits in. A player that goes on asks for the rest by
  range. The time that the object store takes does not count.
- One owner has at most `max_per_owner` of the `max_streams` of a replica.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from voicepipe_wire.errors import Problem
from voicepipe_wire.storage.objects import ObjectStore

from . import metrics

# What a player has to take within `stall_s`. Small, so that a slow one is not taken for a paused one.
PIECE_BYTES: Final = 64 * 1024
RETRY_AFTER_S: Final = 5


class Player:
    """One response. `stalled` is set when its client has taken nothing for too long."""

    def __init__(self, blocks: AsyncIterator[bytes], stall_s: float) -> None:
        self._blocks = blocks
        self._stall_s = stall_s
        self.stalled = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        async for block in self._blocks:
            for first in range(0, len(block), PIECE_BYTES):
                # It runs from here until the client has taken this piece, and the next one is asked for.
                timer = loop.call_later(self._stall_s, self.stalled.set)
                try:
                    yield block[first : first + PIECE_BYTES]
                finally:
                    timer.cancel()


class Players:
    """`objects` is used by nobody else, and has a connection for each of `max_streams`."""

    def __init__(self, objects: ObjectStore, *, stall_s: float, max_streams: int, max_per_owner: int) -> None:
        self._objects = objects
        self._stall_s = stall_s
        self._max_streams = max_streams
        self._max_per_owner = max_per_owner
        self._open: Counter[UUID] = Counter()

    @asynccontextmanager
    async def play(self, owner_id: UUID, key: str, start: int, end: int) -> AsyncIterator[Player]:
        """The bytes [start, end) of an object.

        Raises:
            Problem: 429 `too_many_streams`, 503 `busy`.
            ObjectMissing: there is no such object.
        """
        if self._open[owner_id] >= self._max_per_owner:
            raise Problem.of("too_many_streams", retry_after_s=RETRY_AFTER_S)
        if self._open.total() >= self._max_streams:
            raise Problem.of("busy", retry_after_s=RETRY_AFTER_S)
        self._open[owner_id] += 1
        try:
            with metrics.PLAYERS.track_inprogress():
                async with self._objects.open(key, start, end) as blocks:
                    player = Player(blocks, self._stall_s)
                    try:
                        yield player
                    finally:
                        if player.stalled.is_set():
                            metrics.STALLED.inc()
        finally:
            self._open[owner_id] -= 1
            if not self._open[owner_id]:
                del self._open[owner_id]
