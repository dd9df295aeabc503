"""A circuit breaker: a dependency that is away is asked by one caller now and then, not by every job.

| state | a call |
|---|---|
| closed | is made; `FAILURES_TO_OPEN` outages in a row open the breaker |
| open | raises `Unavailable` at once, until the pause is over |
| half open | one call is made; if it succeeds the breaker closes, if not the pause is doubled, up to `LONGEST_PAUSE_S` |

Invariants:

- At most one call is under way in half open. A call that is cancelled, or fails otherwise than by an outage, gives its place back: a
  dependency that answers with an error is not away.
- A call that was begun before the breaker opened may close it: it succeeded, so the dependency is back.

The connection to NATS needs none: its client alone reconnects, and everybody else looks whether it is connected.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge

from voicepipe_wire.errors import Dependency, Unavailable

from .classify import outage

OPEN = Gauge(
    "voicepipe_breaker_open", "Whether a dependency counts as away, so that few calls reach it", ["dependency"]
)
OUTAGES = Counter("voicepipe_dependency_failures_total", "Calls that a dependency did not answer", ["dependency"])

FAILURES_TO_OPEN = 5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 15.0


class Breaker:
    """The breaker of one dependency of one process."""

    def __init__(self, dependency: Dependency, clock: Callable[[], float] = time.monotonic) -> None:
        self.dependency = dependency
        self._clock = clock
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._asked_again_at = 0.0
        self._is_probing = False
        self._reason = ""
        OPEN.labels(dependency).set(0)
        OUTAGES.labels(dependency)

    @property
    def is_open(self) -> bool:
        return self._failures >= FAILURES_TO_OPEN

    @contextmanager
    def call(self) -> Iterator[None]:
        """Make one call in the block. Every outage leaves it as `Unavailable` of this dependency.

        Raises:
            Unavailable: the dependency is away, or was a moment ago.
        """
        is_probe = self._admit()
        try:
            yield
        except Exception as error:
            if (away := outage(error)) is None:
                self._answered()
                raise
            self._failed(away, is_probe)
            raise Unavailable(self.dependency, str(away)) from error
        else:
            self._answered()
        finally:
            if is_probe:
                self._is_probing = False

    def _admit(self) -> bool:
        if not self.is_open:
            return False
        remaining_s = self._asked_again_at - self._clock()
        if remaining_s > 0 or self._is_probing:
            raise Unavailable(self.dependency, self._reason, retry_after_s=max(remaining_s, FIRST_PAUSE_S))
        self._is_probing = True
        return True

    def _failed(self, away: Unavailable, is_probe: bool) -> None:
        OUTAGES.labels(self.dependency).inc()
        self._failures += 1
        self._reason = str(away)
        if not self.is_open:
            return
        if is_probe:
            self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)
        OPEN.labels(self.dependency).set(1)
        self._asked_again_at = self._clock() + self._pause_s

    def _answered(self) -> None:
        if self._failures:
            OPEN.labels(self.dependency).set(0)
        self._failures, self._pause_s = 0, FIRST_PAUSE_S
