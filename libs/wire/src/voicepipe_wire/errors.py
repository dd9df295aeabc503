"""The two ways in which a step fails on purpose, and what HTTP tells a client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RetryLater(Exception):
    """Not now: something that the step needs is away or busy. The same work will do later; no attempt is spent."""

    def __init__(self, delay_s: float, reason: str) -> None:
        super().__init__(reason)
        self.delay_s = delay_s


class Reject(Exception):
    """Never: this work cannot succeed, however often it is tried.

    `code` is stable and listed in docs/errors.md; `message` is a sentence that a user can act on.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Problem(Exception):
    """An answer that is an error, as RFC 9457 problem JSON.

    `code` is stable; `detail` says what happened and what to do; `members` are more for programs, such as a state.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after_s: int | None = None,
        headers: dict[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)
