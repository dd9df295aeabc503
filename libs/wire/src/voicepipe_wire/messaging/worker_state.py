"""What a worker has in hand, and its answers to the autoscaler: how busy it is, and that it pulls nothing more.

Invariants:

- A worker that says `draining` has no pull under way and starts none: pulls and the answer take the same lock, and a message counts
  as in flight before its pull releases the lock. So a draining worker without commands in flight has nothing and gets nothing.
- A drain ends by itself after `drain_s`, so that a worker whose autoscaler died works again. Whoever relies on it asks again
  before that.

Race: a drain ends between the answer and the deletion of the worker. It then handles what it has pulled like any worker that is
stopped: it finishes or hands back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg

from voicepipe_wire.errors import Unavailable
from voicepipe_wire.v1.scaling_pb2 import WorkerRequest, WorkerState

from . import subjects
from .broker import JetStream
from .subjects import Queue

log = structlog.get_logger(__name__)

LONGEST_DRAIN_S = 120.0

Clock = Callable[[], float]


class Occupancy:
    """Counts the commands in flight, and the time for which the slots of a worker were in use."""

    def __init__(self, slots: int, clock: Clock = time.monotonic) -> None:
        self.slots = slots
        self.in_flight = 0
        self._clock = clock
        self._busy_s = 0.0
        self._since = clock()

    def begin(self) -> None:
        self._count(1)

    def end(self) -> None:
        self._count(-1)

    @property
    def busy_s(self) -> float:
        """Half of the slots in use for 2 s are 1 s."""
        self._count(0)
        return self._busy_s

    def _count(self, change: int) -> None:
        now = self._clock()
        self._busy_s += (now - self._since) * min(self.in_flight, self.slots) / self.slots
        self._since = now
        self.in_flight += change


class RemoteControl:
    """Answers requests for the state of a worker, and for it to drain or to work again."""

    def __init__(
        self,
        jetstream: JetStream,
        queue: Queue,
        name: str,
        occupancy: Occupancy,
        remaining_s: Callable[[], float],
        clock: Clock = time.monotonic,
    ) -> None:
        self._jetstream = jetstream
        self._queue = queue
        self._name = name
        self._occupancy = occupancy
        self._remaining_s = remaining_s
        self._clock = clock
        self._drains_until = -float("inf")
        self._pulling = asyncio.Lock()

    @property
    def is_draining(self) -> bool:
        return self._clock() < self._drains_until

    @asynccontextmanager
    async def pulling(self) -> AsyncIterator[bool]:
        """Hold this during a pull; the value says whether the worker may pull at all."""
        async with self._pulling:
            yield not self.is_draining

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Answer requests in this context."""
        subscriptions = [
            await self._jetstream.subscribe(subject, self._answer)
            for subject in (subjects.ask_workers(self._queue), subjects.tell_worker(self._name))
        ]
        try:
            yield
        finally:
            for subscription in subscriptions:
                await self._jetstream.unsubscribe(subscription)

    async def _answer(self, message: Msg) -> None:
        try:
            request = WorkerRequest.FromString(message.data)
        except DecodeError:
            return
        if request.action == "drain":
            if not self.is_draining:
                log.info("draining: no more commands are pulled", stage=self._queue.stage, pool=self._queue.pool)
            self._drains_until = self._clock() + min(request.drain_s, LONGEST_DRAIN_S)
        elif request.action == "release":
            if self.is_draining:
                log.info("released: commands are pulled again", stage=self._queue.stage, pool=self._queue.pool)
            self._drains_until = -float("inf")
        async with self._pulling:
            state = self._state()
        with suppress(Unavailable):  # whoever asked asks again
            await self._jetstream.send(message.reply, state.SerializeToString())

    def _state(self) -> WorkerState:
        return WorkerState(
            name=self._name,
            in_flight=self._occupancy.in_flight,
            slots=self._occupancy.slots,
            remaining_s=self._remaining_s() if self._occupancy.in_flight else 0.0,
            draining=self.is_draining,
            busy_s=self._occupancy.busy_s,
        )
