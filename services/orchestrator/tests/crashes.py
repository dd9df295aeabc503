"""Runs a coroutine and lets its process die at one of its awaits, as SIGKILL would: nothing after that await happens."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Generator
from typing import Any


class Crash(BaseException):
    """The process died."""


class _Steps:
    """Awaits `work`, and raises `Crash` instead of waiting for the `at`-th time."""

    def __init__(self, work: Coroutine[Any, Any, Any], at: int) -> None:
        self._work = work
        self._at = at

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._work.__await__()
        for number in itertools.count(1):
            try:
                waiting_for = steps.send(None)
            except StopIteration as done:
                return done.value
            if number == self._at:
                _abandon(steps)
                raise Crash
            yield waiting_for
        return None


def _abandon(steps: Generator[Any, Any, Any]) -> None:
    """End the coroutine without letting it wait again, whatever its clean-up wants to do."""
    for _ in range(100):
        try:
            steps.throw(Crash())
        except (Exception, Crash, StopIteration):  # noqa: BLE001 - it is over, however it ended
            return


async def run_until(work: Coroutine[Any, Any, Any], at: int | None) -> bool:
    """Run `work`; False if it died at its `at`-th await. With None it never dies.

    Raises: what `work` raises.
    """
    if at is None:
        await work
        return True

    async def steps() -> bool:
        try:
            await _Steps(work, at)
        except Crash:
            return False
        return True

    return await asyncio.create_task(steps())
