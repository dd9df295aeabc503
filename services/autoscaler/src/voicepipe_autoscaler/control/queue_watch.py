"""Watches the queue of one pool over NATS: the backlog, the counts of its consumers, and its workers. Says there how the pool is.

Nothing here guesses: what cannot be read stays as old as it is, and `decide` holds on figures that are too old.

Races:

- The snapshot that is stored may be from a controller that died long ago, and its clock is not that of this process. It counts as
  new only once it has been seen to change.
- A controller starts again. Its first snapshot has no rates, and the next has those of three seconds, while workers were busy since
  the last snapshot before it. So a busy time that is longer than the interval of the rates is not compared with them.
- The connection is lost. nats-py would keep requests and send them later, also the subscription to an inbox that was given up: nothing is
  asked or told without a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

import structlog
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError
from voicepipe_wire.errors import Unavailable
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import Priority, Queue, ask_workers, pool_state, tell_worker
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot, PoolState, WorkerRequest, WorkerState

from voicepipe_autoscaler.dead_letters import Counts, DeadLetters

from .observe import BusyMeter, Sighting

log = structlog.get_logger(__name__)

ANSWERS_WITHIN_S = 0.5
LONGEST_GAP = 3.0  # intervals of rates; snapshots are seen a pass late, or one is missed
DRAIN_S = 30.0  # renewed in every pass

NO_SNAPSHOT: tuple[type[Exception], ...] = (Unavailable, NotFoundError, DecodeError)


class SnapshotReader:
    """The newest backlog of all queues. One for all pools."""

    def __init__(self, jetstream: JetStream, now: Callable[[], float]) -> None:
        self._jetstream = jetstream
        self._now = now
        self.snapshot: BacklogSnapshot | None = None
        self.changed_at_s: float | None = None
        self._dead_letters: dict[str, Counts] = {}

    async def read(self) -> None:
        """Read the stored snapshot; what cannot be read leaves the last one as it was."""
        try:
            await self._jetstream.check()
            found = BacklogSnapshot.FromString(await self._jetstream.newest_backlog())
        except NO_SNAPSHOT as error:
            log.debug("no backlog", reason=type(error).__name__)
            return
        if self.snapshot is not None and found.at_s != self.snapshot.at_s:
            self.changed_at_s = self._now()
            self._count_dead_letters(found, self.changed_at_s)
        self.snapshot = found

    def dead_letters(self, stage: str) -> DeadLetters | None:
        """Those of a stage, by the snapshots that this process has seen."""
        return self._dead_letters.get(stage, Counts()).summary(stage)

    def _count_dead_letters(self, snapshot: BacklogSnapshot, at_s: float) -> None:
        for stage, count in snapshot.dead_letters.items():
            self._dead_letters[stage] = self._dead_letters.get(stage, Counts()).plus(at_s, count)


class QueueWatch:
    """What is known of the work of the pool of `queue`."""

    def __init__(self, jetstream: JetStream, queue: Queue, snapshots: SnapshotReader, now: Callable[[], float]) -> None:
        self._jetstream = jetstream
        self.queue = queue
        self._snapshots = snapshots
        self._now = now
        self._meter = BusyMeter()
        self._taken_at_s: float | None = None
        self._busy_replicas = 0.0
        self._known: frozenset[str] = frozenset()
        self._commands: dict[str, tuple[int, int]] = {}
        self._commands_at_s: float | None = None

    async def look(self, pods: Collection[str]) -> Sighting:
        """`pods` are the names of the pool's pods: their workers are asked, and others are forgotten."""
        workers = await self._ask(pods)
        self._known = frozenset({*self._known, *workers} & {*pods})
        self._meter.add(workers.values())
        await self._count_commands()
        snapshot, changed_at_s = self._snapshots.snapshot, self._snapshots.changed_at_s
        if changed_at_s is not None and changed_at_s != self._taken_at_s:
            self._busy_replicas = self._busy_since(self._taken_at_s, changed_at_s, pods)
            self._taken_at_s = changed_at_s
        mine = [
            one
            for one in (snapshot.queues if snapshot else ())
            if (one.stage, one.pool) == (self.queue.stage, self.queue.pool or "")
        ]
        return Sighting(
            backlog=tuple(mine),
            backlog_at_s=changed_at_s if mine else None,
            has_rates=snapshot is not None and snapshot.interval_s > 0,
            commands=self._commands,
            commands_at_s=self._commands_at_s,
            workers=workers,
            known_workers=self._known,
            busy_replicas=self._busy_replicas,
            dead_letters=self._snapshots.dead_letters(self.queue.stage),
            stuck_jobs=snapshot.stuck_jobs.get(self.queue.stage, 0) if snapshot else 0,
        )

    async def drain(self, worker: str) -> None:
        """Tell a worker to pull nothing more for `DRAIN_S`. That it does is seen in its next answer."""
        await self._tell(worker, WorkerRequest(action="drain", drain_s=DRAIN_S))

    async def announce(self, state: PoolState) -> None:
        """Tell everybody how the pool is. Without a connection nobody is told: the next pass knows better."""
        with suppress(Unavailable):
            await self._jetstream.check()
            await self._jetstream.send(pool_state(self.queue), state.SerializeToString())

    async def release(self, worker: str) -> None:
        await self._tell(worker, WorkerRequest(action="release"))

    def _busy_since(self, before_s: float | None, changed_at_s: float, pods: Collection[str]) -> float:
        """The mean number of busy replicas since the snapshot before; 0, which teaches nothing, if its rates cover less."""
        busy = self._meter.take(self._now(), pods)
        interval_s = self._snapshots.snapshot.interval_s if self._snapshots.snapshot else 0.0
        gap_s = 0.0 if before_s is None else changed_at_s - before_s
        return busy if gap_s <= LONGEST_GAP * interval_s else 0.0

    async def _tell(self, worker: str, request: WorkerRequest) -> None:
        with suppress(Unavailable):
            await self._jetstream.check()
            await self._jetstream.send(
                tell_worker(worker), request.SerializeToString(), reply=self._jetstream.new_inbox()
            )

    async def _ask(self, pods: Collection[str]) -> dict[str, WorkerState]:
        """The states of the workers that answer in time."""
        found: dict[str, WorkerState] = {}
        if not pods:
            return found
        complete = asyncio.Event()

        async def collect(message: Msg) -> None:
            if message.headers:  # no worker listens
                complete.set()
                return
            with suppress(DecodeError):
                state = WorkerState.FromString(message.data)
                found[state.name] = state
            if found.keys() >= {*pods}:
                complete.set()

        with suppress(Unavailable, TimeoutError):
            await self._jetstream.check()
            inbox = self._jetstream.new_inbox()
            subscription = await self._jetstream.subscribe(inbox, collect)
            try:
                await self._jetstream.send(ask_workers(self.queue), WorkerRequest().SerializeToString(), reply=inbox)
                async with asyncio.timeout(ANSWERS_WITHIN_S):
                    await complete.wait()
            finally:
                await self._jetstream.unsubscribe(subscription)
        return {name: state for name, state in found.items() if name in {*pods}}

    async def _count_commands(self) -> None:
        with suppress(Unavailable):
            await self._jetstream.check()
            self._commands = {
                str(priority): await self._jetstream.commands(self.queue, priority) for priority in Priority
            }
            self._commands_at_s = self._now()
