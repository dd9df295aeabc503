"""Waits for a condition, with a timeout and a reason if it never holds."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.05


def eventually(
    condition: Callable[[], T],
    timeout_s: float = 90,
    about: Callable[[], object] = lambda: "",
    poll_s: float = POLL_S,
) -> T:
    """Return the first truthy value of `condition`.

    Raises:
        TimeoutError: no value was truthy in time; the message ends with the result of `about`.
    """
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {timeout_s:.0f} s: {about()}")
        time.sleep(poll_s)
    return value


async def eventually_async(
    condition: Callable[[], T | Awaitable[T]], timeout_s: float = 15, about: Callable[[], object] = lambda: ""
) -> T:
    """The same in an event loop. `condition` may be a coroutine function; it is cancelled at the timeout."""
    try:
        async with asyncio.timeout(timeout_s):
            while not (value := await _result(condition())):
                await asyncio.sleep(POLL_S)
            return value
    except TimeoutError as error:
        raise TimeoutError(f"not within {timeout_s:.0f} s: {about()}") from error


async def _result(value: T | Awaitable[T]) -> T:
    return await value if inspect.isawaitable(value) else value
