"""What asyncio lacks: pauses that a stop ends, tasks that are awaited after they are cancelled, work that a cancellation cannot tear.

`asyncio.wait_for` is not used in this project: that of Python 3.11 may swallow a cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for `seconds`, or until `stop` is set; returns whether it is."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()


@asynccontextmanager
async def background(work: Coroutine[Any, Any, Result]) -> AsyncIterator[asyncio.Task[Result]]:
    """Run `work` beside the block. When the block ends, the task is cancelled and awaited; an error of its own is not raised."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # seen: asyncio would log it otherwise


async def finish(work: Awaitable[Result]) -> Result:
    """Await `work` to its end, though the caller is cancelled meanwhile; the cancellation is raised afterwards.

    A bare `asyncio.shield` leaves the work running behind a cancelled caller, which then closes what the work still uses.
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
    """Run `work` until it ends or `event` is set, and return whether it came to its end. Raises what `work` raises."""
    async with background(work) as working, background(event.wait()) as waiting:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return False
        await working
        return True
