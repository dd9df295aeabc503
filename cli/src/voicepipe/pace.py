"""How long to pause between tries, and when to stop trying."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from .errors import ServerUnavailable

# A server may ask for a longer pause than `longest_s`, but not for hours.
LONGEST_RETRY_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause before the next try, for `Pace.on_wait` to show."""

    reason: str
    delay_s: float


def ignore(_: Wait) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Pauses double from `first_s` up to `longest_s`, with jitter, until an outage has lasted `retry_for_s`."""

    retry_for_s: float = 600.0
    first_s: float = 0.5
    longest_s: float = 15.0
    on_wait: Callable[[Wait], None] = ignore
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    # Equal jitter, between half of the pause and all of it, spreads the retries of many clients.
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.5, 1.0))

    def delay_s(self, tries: int) -> float:
        """The pause after failure number `tries` in a row, counted from 0."""
        return self.jitter() * min(self.longest_s, self.first_s * 2.0 ** min(tries, 32))

    def with_retry_for(self, retry_for_s: float) -> Pace:
        return replace(self, retry_for_s=min(self.retry_for_s, retry_for_s))


class TransientError(Exception):
    """One try failed, and another may succeed.

    `not_carried_out` is true if the server cannot have started the work; `retry_after_s` is the pause it requested.
    """

    def __init__(self, reason: str, retry_after_s: float = 0.0, *, not_carried_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.not_carried_out = not_carried_out
        self.retry_after_s = min(retry_after_s, LONGEST_RETRY_AFTER_S)


class Outage:
    """Counts failures in a row. `over` resets the count and the clock after any success."""

    def __init__(self, pace: Pace, base_url: str) -> None:
        self._pace = pace
        self._base_url = base_url
        self._since: float | None = None
        self._tries = 0

    def over(self) -> None:
        self._since = None
        self._tries = 0

    async def wait(self, error: TransientError) -> None:
        """Pause before the next try.

        Raises:
            ServerUnavailable: the pause would end after `retry_for_s`.
        """
        now = self._pace.clock()
        if self._since is None:
            self._since = now
        waited_s = now - self._since
        delay_s = max(self._pace.delay_s(self._tries), error.retry_after_s)
        if waited_s + delay_s > self._pace.retry_for_s:
            raise ServerUnavailable(self._base_url, error.reason, waited_s)
        self._tries += 1
        self._pace.on_wait(Wait(error.reason, delay_s))
        await self._pace.sleep(delay_s)
