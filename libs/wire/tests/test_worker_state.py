"""What a worker says of itself, and how it drains, on a real NATS server."""

import asyncio
from uuid import uuid4

import pytest
from command_worker import QUEUE, Handler, send, working
from hypothesis import given
from hypothesis import strategies as st
from support.eventually import eventually_async
from voicepipe_wire.messaging.subjects import ask_workers, tell_worker
from voicepipe_wire.messaging.worker_state import Occupancy
from voicepipe_wire.v1.scaling_pb2 import WorkerRequest, WorkerState


async def tell(jetstream, name="worker", action="", drain_s=0.0) -> WorkerState:
    request = WorkerRequest(action=action, drain_s=drain_s).SerializeToString()
    answer = await jetstream.request(tell_worker(name), request, timeout_s=2)
    return WorkerState.FromString(answer.data)


async def test_a_worker_says_what_it_has_in_flight(pool, jetstream):
    release = asyncio.Event()
    handler = Handler(release.wait)
    async with working(pool, jetstream, handler, concurrency=4, slots=2, remaining_s=lambda: 42.0):
        await asyncio.sleep(0.1)
        idle = await tell(jetstream)
        assert (idle.name, idle.in_flight, idle.slots, idle.remaining_s, idle.draining) == ("worker", 0, 2, 0, False)
        await send(pool, jetstream, "a")
        await eventually_async(lambda: handler.seen == ["a"])
        busy = await tell(jetstream)
        assert (busy.in_flight, busy.remaining_s) == (1, 42)
        release.set()

        async def is_idle() -> bool:
            return (await tell(jetstream)).in_flight == 0

        await eventually_async(is_idle)


async def test_a_draining_worker_pulls_nothing_until_it_is_released(pool, jetstream):
    handler = Handler()
    async with working(pool, jetstream, handler):
        await asyncio.sleep(0.1)
        assert (await tell(jetstream, action="drain", drain_s=60)).draining
        await send(pool, jetstream, "a")
        await asyncio.sleep(1.5)
        assert not handler.seen
        assert (await tell(jetstream)).in_flight == 0
        assert not (await tell(jetstream, action="release")).draining
        await eventually_async(lambda: handler.seen == ["a"])


async def test_a_drain_that_nobody_renews_ends(pool, jetstream):
    handler = Handler()
    async with working(pool, jetstream, handler):
        await asyncio.sleep(0.1)
        await tell(jetstream, action="drain", drain_s=1.0)
        await send(pool, jetstream, "a")
        await eventually_async(lambda: handler.seen == ["a"], 5)


async def test_a_worker_that_says_it_drains_gets_nothing_that_it_was_pulling(pool, jetstream):
    """Commands arrive all the time; whatever the drain interrupts, the answer is the last word on it."""
    handler = Handler()
    for _ in range(10):
        async with working(pool, jetstream, handler, concurrency=8):
            await asyncio.sleep(0.05)
            sending = asyncio.gather(*(send(pool, jetstream, uuid4().hex) for _ in range(20)))
            await asyncio.sleep(0.02)
            state = await tell(jetstream, action="drain", drain_s=60)
            started = len(handler.seen)
            await sending
            await asyncio.sleep(0.2)
            assert len(handler.seen) <= started + state.in_flight


async def test_all_workers_of_a_queue_are_asked_at_once(pool, jetstream):
    found: dict[str, WorkerState] = {}

    async def collect(message) -> None:
        if not message.headers:  # "no responders" while the workers start
            state = WorkerState.FromString(message.data)
            found[state.name] = state

    inbox = jetstream.new_inbox()
    subscription = await jetstream.subscribe(inbox, collect)
    async with working(pool, jetstream, Handler(), name="one"), working(pool, jetstream, Handler(), name="two"):

        async def both() -> bool:
            await jetstream.send(ask_workers(QUEUE), WorkerRequest().SerializeToString(), reply=inbox)
            await asyncio.sleep(0.05)
            return set(found) == {"one", "two"}

        await eventually_async(both, about=lambda: found)
    await subscription.unsubscribe()


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 10), st.sampled_from([1, -1]))),
)
def test_busy_time_is_the_share_of_the_slots_in_use(slots, changes):
    now_s, expected_s = 0.0, 0.0
    occupancy = Occupancy(slots, lambda: now_s)
    for step_s, change in changes:
        expected_s += step_s * min(occupancy.in_flight, slots) / slots
        now_s += step_s
        if change > 0:
            occupancy.begin()
        elif occupancy.in_flight:
            occupancy.end()
    assert occupancy.busy_s == pytest.approx(expected_s)
