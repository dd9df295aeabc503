"""Ends bodies that arrive too slowly, so that slow clients cannot hold all slots.

Only the time that the server waits for the client counts: while a part is stored, nothing is asked of the client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from voicepipe_wire.errors import Problem

Value = TypeVar("Value")


class Interrupted(Problem):
    """The body stopped before its end."""


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """When a client is disconnected.

    It sends nothing for `idle_timeout_s`, or on average less than `least_bytes_per_s` while the server waits for it for
    `window_s`. A least rate of 0 sets no limit.
    """

    idle_timeout_s: float
    least_bytes_per_s: float
    window_s: float


class ClientPace:
    """The pace of one request."""

    def __init__(self, limits: PaceLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        # Of the current window.
        self._waited_s = 0.0
        self._received_bytes = 0

    async def wait(self, coming: Awaitable[Value]) -> Value:
        """Wait for the next block.

        Raises:
            Interrupted: 408 `upload_stalled`.
        """
        started = self._clock()
        try:
            async with asyncio.timeout(self._limits.idle_timeout_s):
                return await coming
        except TimeoutError:
            raise Interrupted.of("upload_stalled", idle_s=self._limits.idle_timeout_s) from None
        finally:
            self._waited_s += self._clock() - started

    def received(self, size_bytes: int) -> None:
        """Count a block that was waited for.

        Raises:
            Interrupted: 408 `too_slow`.
        """
        self._received_bytes += size_bytes
        if self._waited_s < self._limits.window_s:
            return
        if self._received_bytes < self._waited_s * self._limits.least_bytes_per_s:
            raise Interrupted.of(
                "too_slow", bytes_per_s=self._received_bytes / self._waited_s, least=self._limits.least_bytes_per_s
            )
        self._waited_s, self._received_bytes = 0.0, 0
