import asyncio

import pytest
from voicepipe_wire import aio


async def test_a_pause_ends_when_stop_is_set():
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, stop.set)
    async with asyncio.timeout(2):
        assert await aio.pause(stop, 60)


async def test_an_undisturbed_pause_lasts_its_full_length():
    started = asyncio.get_running_loop().time()
    assert not await aio.pause(asyncio.Event(), 0.05)
    assert asyncio.get_running_loop().time() - started >= 0.04


async def test_background_work_is_cancelled_and_awaited_when_the_block_ends():
    ended = False

    async def work() -> None:
        nonlocal ended
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended = True

    async with aio.background(work()):
        await asyncio.sleep(0)
    assert ended


async def test_an_error_in_background_work_is_not_raised_by_the_block():
    async def fail() -> None:
        raise OSError("lost")

    async with aio.background(fail()) as task:
        await asyncio.sleep(0)
    assert isinstance(task.exception(), OSError)


async def test_a_cancelled_caller_waits_until_the_work_is_finished():
    finished = asyncio.Event()

    async def work() -> str:
        await asyncio.sleep(0.05)
        finished.set()
        return "done"

    task = asyncio.create_task(aio.finish(work()))
    for _ in range(3):  # however often it is cancelled
        await asyncio.sleep(0.005)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert finished.is_set()


async def test_finish_returns_the_result_or_raises_the_error():
    async def right() -> int:
        return 7

    async def wrong() -> None:
        raise LookupError("missing")

    assert await aio.finish(right()) == 7
    with pytest.raises(LookupError):
        await aio.finish(wrong())


async def test_until_ends_with_the_event_or_with_the_work():
    event, cancelled = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    asyncio.get_running_loop().call_later(0.01, event.set)
    assert not await aio.until(event, endless())
    assert cancelled.is_set()
    assert await aio.until(asyncio.Event(), asyncio.sleep(0))
