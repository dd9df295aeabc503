"""Slots are shared fairly and never lost."""

import asyncio
from collections import Counter
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from voicepipe_orchestrator.transcribe.fair_semaphore import FairSemaphore


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_holder_without_a_slot_overtakes_one_with_many():
    semaphore, order, leave = FairSemaphore(2), [], asyncio.Queue()

    async def use(holder: str, number: int) -> None:
        async with semaphore.slot(holder):
            order.append((holder, number))
            await leave.get()

    tasks = [asyncio.create_task(use("long", number)) for number in range(6)]
    await settle()
    tasks.append(asyncio.create_task(use("clip", 0)))
    await settle()
    assert order == [("long", 0), ("long", 1)]
    for _ in tasks:
        leave.put_nowait(None)
        await settle()
    await asyncio.gather(*tasks)
    assert order[2] == ("clip", 0)
    assert [number for holder, number in order if holder == "long"] == list(range(6))


async def test_with_one_slot_holders_take_turns():
    semaphore, order, leave = FairSemaphore(1), [], asyncio.Queue()

    async def use(holder: str) -> None:
        async with semaphore.slot(holder):
            order.append(holder)
            await leave.get()

    tasks = [asyncio.create_task(use("long")) for _ in range(3)]
    await settle()
    tasks += [asyncio.create_task(use(clip)) for clip in ("clip 1", "clip 2")]
    await settle()
    for _ in tasks:
        leave.put_nowait(None)
        await settle()
    await asyncio.gather(*tasks)
    assert order == ["long", "clip 1", "long", "clip 2", "long"]


async def test_a_cancelled_waiter_does_not_keep_a_slot():
    semaphore = FairSemaphore(1)
    async with semaphore.slot("a"):
        waiting = asyncio.create_task(_once(semaphore, "b"))
        await settle()
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
    await asyncio.wait_for(_once(semaphore, "c"), 1)


async def test_a_slot_granted_at_the_moment_of_cancellation_is_released():
    semaphore = FairSemaphore(1)
    async with semaphore.slot("a"):
        waiting = asyncio.create_task(_once(semaphore, "b"))
        await settle()
    waiting.cancel()  # its slot is granted, but it has not run yet
    with suppress(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(_once(semaphore, "c"), 1)


async def _once(semaphore: FairSemaphore, holder: str) -> None:
    async with semaphore.slot(holder):
        await asyncio.sleep(0)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.booleans()), max_size=30),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_limits_are_never_exceeded_and_no_slot_is_lost(users, count, per_holder):
    async def run() -> None:
        semaphore, held, most, most_of_one = FairSemaphore(count, per_holder), Counter(), 0, 0

        async def use(holder: str, stay: int) -> None:
            nonlocal most, most_of_one
            async with semaphore.slot(holder):
                held[holder] += 1
                most, most_of_one = max(most, held.total()), max(most_of_one, held[holder])
                for _ in range(stay):
                    await asyncio.sleep(0)
                held[holder] -= 1

        tasks = []
        for holder, stay, leaves in users:
            tasks.append(asyncio.create_task(use(holder, stay)))
            if leaves:
                await asyncio.sleep(0)
                tasks[-1].cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)
            # A cancelled body does not decrement `held`, but all slots must be free again.
            for number in range(count):
                await semaphore._acquire(number)
        cancelled = sum(leaves for _, _, leaves in users)
        assert most <= count + cancelled
        assert most_of_one <= per_holder + cancelled

    asyncio.run(run())


async def test_a_slot_beyond_the_limit_of_one_holder_is_free_for_others():
    semaphore, order, leave = FairSemaphore(3, per_holder=2), [], asyncio.Queue()

    async def use(holder: str) -> None:
        async with semaphore.slot(holder):
            order.append(holder)
            await leave.get()

    tasks = [asyncio.create_task(use("long")) for _ in range(4)]
    await settle()
    assert order == ["long"] * 2
    tasks += [asyncio.create_task(use(clip)) for clip in ("clip 1", "clip 2")]
    await settle()
    assert order == ["long"] * 2 + ["clip 1"]
    for _ in tasks:
        leave.put_nowait(None)
        await settle()
    await asyncio.gather(*tasks)
    assert order == ["long"] * 2 + ["clip 1", "clip 2"] + ["long"] * 2
