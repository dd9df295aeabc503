"""The whole loop with real workers on a real NATS server. Only the replicas are in memory: they are workers of this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack

import pytest
from command_worker import Handler, send, working
from support.eventually import eventually_async
from voicepipe_autoscaler.control.queue_watch import QueueWatch, SnapshotReader
from voicepipe_autoscaler.control.reconcile import Reconciler
from voicepipe_autoscaler.control.target import Replicas
from voicepipe_autoscaler.dead_letters import DeadLetters
from voicepipe_autoscaler.decision import Reason
from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.observation import Pod
from voicepipe_autoscaler.pool import PoolSpec
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.subjects import BACKLOG_SUBJECT, POOL_STATES, WORK, Queue
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot, PoolState, QueueBacklog

SPEC = PoolSpec(
    targets_s={"premium": 60.0, "standard": 60.0},
    max_replicas=3,
    cold_start_s=0.1,
    up_stabilisation_s=0.0,
    down_stabilisation_s=1.0,
    cooldown_s=1.0,
)


class WorkersHere:
    """Implements `Target`: each replica is a worker in this event loop. A worker at work that is told to stop is counted."""

    def __init__(self, pool, jetstream, handler: Handler) -> None:
        self._make = lambda name: working(pool, jetstream, handler, name=name)
        self._running: dict[str, tuple[AsyncExitStack, float]] = {}
        self._costs: dict[str, int] = {}
        self._number = 0
        self.stopped: list[str] = []

    async def look(self) -> Replicas:
        return Replicas(
            len(self._running),
            tuple(
                Pod(name, asked_at_s=at_s, ready_at_s=at_s, uid=name, deletion_cost=self._costs.get(name, 0))
                for name, (_, at_s) in self._running.items()
            ),
        )

    async def scale(self, replicas: int, going: tuple[str, ...]) -> None:
        while len(self._running) < replicas:
            self._number += 1
            stack = AsyncExitStack()
            await stack.enter_async_context(self._make(f"worker-{self._number}"))
            self._running[f"worker-{self._number}"] = (stack, time.time())
        for name in going[: len(self._running) - replicas]:
            self.stopped.append(name)
            await self._running.pop(name)[0].aclose()

    async def set_costs(self, costs: Mapping[str, int]) -> None:
        self._costs |= costs

    async def close(self) -> None:
        for stack, _ in self._running.values():
            await stack.aclose()


class Loop:
    """The control loop, with a controller that says how much audio waits."""

    def __init__(self, jetstream, target: WorkersHere) -> None:
        self._jetstream = jetstream
        self.snapshots = SnapshotReader(jetstream, time.time)
        self._reconciler = Reconciler(
            target, QueueWatch(jetstream, Queue("prepare"), self.snapshots, time.time), time.time
        )
        self.memory = Memory()
        self.waiting_s = 0.0
        self.publishing = True

    async def step(self):
        if self.publishing:
            waiting = QueueBacklog(stage="prepare", priority="standard", queued_s=self.waiting_s)
            snapshot = BacklogSnapshot(at_s=time.time(), interval_s=1.0, queues=[waiting])
            await self._jetstream.publish(BACKLOG_SUBJECT, snapshot.SerializeToString(), {})
        await self.snapshots.read()
        done = await self._reconciler.run(SPEC, self.memory)
        self.memory = done.decision.memory
        return done

    async def until(self, condition, timeout_s: float = 20):
        async def stepped():
            done = await self.step()
            await asyncio.sleep(0.2)
            return done if condition(done) else None

        return await eventually_async(stepped, timeout_s)


@pytest.fixture
async def own_connection(settings):
    """One that no worker uses."""
    async with broker.connect(settings, "test-autoscaler") as jetstream:
        await eventually_async(lambda: jetstream.is_connected)
        yield jetstream


@pytest.fixture
async def workers(pool, jetstream):
    release = asyncio.Event()
    handler = Handler()
    handler.outcomes = [release.wait] * 100
    handler.release = release
    target = WorkersHere(pool, jetstream, handler)
    target.handler = handler
    yield target
    release.set()
    await target.close()


async def test_a_pool_wakes_works_and_sleeps_again_and_no_busy_worker_is_stopped(pool, jetstream, workers):
    loop = Loop(jetstream, workers)
    await loop.step()
    for number in range(3):
        await send(pool, jetstream, f"job {number}")
    loop.waiting_s = 600.0
    woken = await loop.until(lambda done: done.changes)
    assert woken.decision.reason is Reason.WOKEN_UP
    await loop.until(lambda done: done.seen.replicas == 3)
    await eventually_async(lambda: len(workers.handler.seen) == 3)
    # Nothing waits any more, and all are at work.
    loop.waiting_s = 0.0
    busy = await loop.until(lambda done: done.decision.reason is Reason.ALL_BUSY)
    assert all(pod.units == 1 for pod in busy.seen.pods)
    assert workers.stopped == []
    workers.handler.release.set()
    await loop.until(lambda done: done.seen.replicas == 0)
    assert len(workers.stopped) == 3
    assert len(workers.handler.seen) == 3, "none was interrupted and begun again"


async def test_every_pass_says_how_the_pool_is(pool, jetstream, workers, own_connection):
    subscription = await own_connection.subscribe(POOL_STATES)
    await own_connection.client.flush()
    loop = Loop(jetstream, workers)
    await loop.step()
    asleep = await subscription.next_msg(5)
    assert asleep.subject == "pools.prepare"
    assert PoolState.FromString(asleep.data).ready_in_s == SPEC.cold_start_s
    await send(pool, jetstream, "a")
    await loop.until(lambda done: any(pod.ready for pod in done.seen.pods))
    states = []
    while not states or not states[-1].ready:
        states.append(PoolState.FromString((await subscription.next_msg(5)).data))
    assert (states[-1].replicas, states[-1].ready_in_s) == (1, 0.0)


async def test_a_drain_is_cancelled_when_work_returns(pool, jetstream, workers):
    loop = Loop(jetstream, workers)
    await workers.scale(2, ())
    workers.scale = _refused  # the loop must not get so far as to stop one
    await loop.step()
    draining = await loop.until(lambda done: any(pod.draining for pod in done.seen.pods))
    assert draining.seen.replicas == 2
    for number in range(2):
        await send(pool, jetstream, f"job {number}")
    loop.waiting_s = 600.0
    began = time.monotonic()
    await loop.until(lambda done: not any(pod.draining for pod in done.seen.pods) and len(workers.handler.seen) == 2)
    assert time.monotonic() - began < 5


async def _refused(replicas: int, going: tuple[str, ...]) -> None:
    del replicas, going


async def test_nothing_changes_while_nobody_says_how_much_waits(pool, jetstream, workers):
    loop = Loop(jetstream, workers)
    loop.publishing = False
    await workers.scale(2, ())
    for _ in range(8):
        done = await loop.step()
        assert done.decision.reason is Reason.SNAPSHOT_STALE
        await asyncio.sleep(0.3)
    assert (await workers.look()).asked == 2


async def test_the_snapshot_of_a_controller_that_has_died_is_not_new(jetstream):
    old = BacklogSnapshot(at_s=time.time())
    await jetstream.publish(BACKLOG_SUBJECT, old.SerializeToString(), {})
    reader = SnapshotReader(jetstream, time.time)
    for _ in range(3):
        await reader.read()
    assert reader.changed_at_s is None
    await jetstream.publish(BACKLOG_SUBJECT, BacklogSnapshot(at_s=time.time()).SerializeToString(), {})
    await reader.read()
    assert reader.changed_at_s is not None


async def test_dead_letters_are_counted_from_snapshots_that_are_new(jetstream):
    reader = SnapshotReader(jetstream, time.time)
    for count in (1, 4, 7):
        snapshot = BacklogSnapshot(at_s=time.time(), dead_letters={"prepare": count, "diarize": 0})
        await jetstream.publish(BACKLOG_SUBJECT, snapshot.SerializeToString(), {})
        await reader.read()
    # The first was stored before this process looked: nobody knows when.
    assert reader.dead_letters("prepare") == DeadLetters("prepare", 7, 3)
    assert reader.dead_letters("diarize") == DeadLetters("diarize", 0, 0)
    assert reader.dead_letters("transcribe") is None


async def test_the_stuck_jobs_of_a_stage_are_those_of_the_newest_snapshot(jetstream):
    snapshots = SnapshotReader(jetstream, time.time)
    snapshot = BacklogSnapshot(at_s=time.time(), stuck_jobs={"prepare": 3, "diarize": 1})
    await jetstream.publish(BACKLOG_SUBJECT, snapshot.SerializeToString(), {})
    await snapshots.read()
    sighting = await QueueWatch(jetstream, Queue("prepare"), snapshots, time.time).look(())
    assert sighting.stuck_jobs == 3


async def test_a_controller_that_starts_again_teaches_no_speed_of_zero(pool, jetstream, workers):
    now_s = 1000.0
    snapshots = SnapshotReader(jetstream, lambda: now_s)
    watch = QueueWatch(jetstream, Queue("prepare"), snapshots, lambda: now_s)
    await workers.scale(1, ())
    await send(pool, jetstream, "a")
    await eventually_async(lambda: workers.handler.seen == ["a"])
    has_rates, busy = [], []
    for passed_s, interval_s in ((0, 3), (3, 3), (3, 3), (30, 0), (3, 3), (3, 3)):
        now_s += passed_s
        await asyncio.sleep(0.3)
        mine = QueueBacklog(stage="prepare", priority="standard")
        snapshot = BacklogSnapshot(at_s=now_s, interval_s=interval_s, queues=[mine])
        await jetstream.publish(BACKLOG_SUBJECT, snapshot.SerializeToString(), {})
        await snapshots.read()
        sighting = await watch.look(["worker-1"])
        has_rates.append(sighting.has_rates)
        busy.append(sighting.busy_replicas > 0)
    assert has_rates == [True, True, True, False, True, True]
    assert busy == [False, False, True, False, True, True]


async def test_without_a_connection_a_pass_is_quick_and_leaves_no_subscription(own_connection, workers, monkeypatch):
    loop = Loop(own_connection, workers)
    await workers.scale(2, ())
    await loop.step()
    loop.publishing = False

    async def away() -> None:
        raise Unavailable(Dependency.BROKER, "away")

    monkeypatch.setattr(own_connection, "check", away)
    subscriptions, began = len(own_connection.client._subs), time.monotonic()
    while (done := await loop.step()).decision.reason is not Reason.METRICS_UNKNOWN:
        assert time.monotonic() - began < 10
        await asyncio.sleep(0.2)
    assert done.decision.replicas == 2
    assert all(pod.units == 1 for pod in done.seen.pods), "who cannot be asked may be at work"
    assert len(own_connection.client._subs) == subscriptions


async def test_asking_workers_leaves_no_subscription(own_connection, workers):
    loop = Loop(own_connection, workers)
    await workers.scale(1, ())
    await loop.step()
    subscriptions = len(own_connection.client._subs)
    for _ in range(3):
        await loop.step()
    assert len(own_connection.client._subs) == subscriptions


async def test_commands_that_wait_wake_a_pool_that_never_had_a_worker(pool, jetstream, workers):
    for consumer in await jetstream.context.consumers_info(WORK):
        await jetstream.context.delete_consumer(WORK, consumer.name)
    loop = Loop(jetstream, workers)
    await loop.step()
    await send(pool, jetstream, "a")
    woken = await loop.until(lambda done: done.changes, 5)
    assert woken.decision.reason is Reason.WOKEN_UP
