"""Additions to asyncio: pauses that end early, background tasks that are cancelled and awaited, uninterruptible work.

This project does not use `asyncio.wait_for`: in Python 3.11 it can swallow a cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for `seconds` or until `stop` is set; return whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()


@asynccontextmanager
async def background(work: Coroutine[Any, Any, Result]) -> AsyncIterator[asyncio.Task[Result]]:
    """Run `work` alongside the block. At its end the task is cancelled and awaited; its errors are not raised."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # retrieved, else asyncio logs it


async def finish(work: Awaitable[Result]) -> Result:
    """Await `work` to its end even if the caller is cancelled; the cancellation is raised afterwards.

    A bare `asyncio.shield` would let a cancelled caller close resources that the work still uses.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except Exception:  # noqa: BLE001 - raised below, from the task itself
            break
    if cancelled is not None:
        if not task.cancelled():
            task.exception()
        raise cancelled
    return task.result()


async def until(event: asyncio.Event, work: Coroutine[Any, Any, Any]) -> bool:
    """Run `work` until it ends or `event` is set; return whether it ended. Its errors are raised."""
    async with background(work) as working, background(event.wait()) as waiting:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return False
        await working
        return True
