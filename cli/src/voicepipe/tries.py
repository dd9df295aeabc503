"""Short requests, tried again where that is safe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from .errors import UnknownOutcome
from .pace import Outage, Pace, TransientError

# A short request is retried for this long; uploads and event streams for `Pace.retry_for_s`.
REQUEST_RETRY_FOR_S: Final = 8.0
_Value = TypeVar("_Value")


class Tries:
    def __init__(self, pace: Pace, base_url: str) -> None:
        self._pace = pace
        self._base_url = base_url

    async def of(self, once: Callable[[], Awaitable[_Value]], *, repeatable: bool) -> _Value:
        """The answer to `once`, tried for a few seconds.

        Unless it is `repeatable`, it is tried again only if it cannot have been carried out.

        Raises:
            ApiError: the server refused the request.
            ServerUnavailable: every try failed.
            UnknownOutcome: the request was sent, its answer was lost, and it is not repeatable.
        """
        outage = Outage(self._pace.with_retry_for(REQUEST_RETRY_FOR_S), self._base_url)
        while True:
            try:
                return await once()
            except TransientError as error:
                if not (repeatable or error.not_carried_out):
                    raise UnknownOutcome(self._base_url, error.reason) from error
                await outage.wait(error)
