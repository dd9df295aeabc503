"""Acts on rows one by one, so that a row that fails stops no other and starves none.

A row that fails rests: 30 s, then twice as long after each failure, up to an hour. The query of the next pass leaves it out
(`resting`), so it takes no place in a LIMIT. After `GIVE_UP_AFTER` failures in a row a pass ends, because a server is probably
away, and trying every row would take long; the next pass begins with others.

Kept in memory: a controller that starts again tries every row once.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from prometheus_client import Counter
from voicepipe_wire.failures import outage

log = structlog.get_logger(__name__)

ROWS_FAILED = Counter(
    "voicepipe_controller_rows_failed_total", "Rows that a periodic task could not process, by try", ["task"]
)
FIRST_REST_S, LONGEST_REST_S = 30.0, 3600.0
GIVE_UP_AFTER = 10

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Rest:
    until_s: float
    rest_s: float


class Rows:
    def __init__(self, task: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._task = task
        self._clock = clock
        self._failed: dict[Hashable, _Rest] = {}
        ROWS_FAILED.labels(task)  # exported as 0 from the start

    @property
    def resting(self) -> list[Any]:
        """The keys of the rows that are not to be tried yet."""
        now_s = self._clock()
        return [key for key, rest in self._failed.items() if rest.until_s > now_s]

    async def each(
        self,
        rows: Iterable[Any],
        act: Callable[[Any], Awaitable[Result]],
        key: Callable[[Any], Hashable] = lambda row: row["id"],
    ) -> list[Result]:
        """The results of the rows that did not fail.

        Raises:
            ExceptionGroup: the pass was given up, with the errors of the last rows.
        """
        results: list[Result] = []
        errors: list[Exception] = []
        self._forget()
        resting = set(self.resting)
        for row in rows:
            if key(row) in resting:
                continue
            try:
                results.append(await act(row))
            except Exception as error:  # noqa: BLE001 - logged there
                errors.append(error)
                self._note(key(row), error)
                if len(errors) >= GIVE_UP_AFTER:
                    raise ExceptionGroup(f"{len(errors)} rows in a row failed", errors) from None
            else:
                errors.clear()
                self._failed.pop(key(row), None)
        return results

    def _note(self, key: Hashable, error: Exception) -> None:
        before = self._failed.get(key)
        rest_s = min(before.rest_s * 2, LONGEST_REST_S) if before else FIRST_REST_S
        self._failed[key] = _Rest(self._clock() + rest_s, rest_s)
        ROWS_FAILED.labels(self._task).inc()
        away = outage(error)
        log.warning(
            "row failed, others go on",
            task=self._task,
            row=str(key),
            reason=str(away) if away else f"{type(error).__name__}: {error}"[:200],
            again_in_s=rest_s,
            exc_info=None if away else error,
        )

    def _forget(self) -> None:
        """Forget rows that were not seen again long after their rest: somebody else processed or deleted them."""
        now_s = self._clock()
        self._failed = {key: rest for key, rest in self._failed.items() if rest.until_s + LONGEST_REST_S > now_s}
