"""The errors that are raised deliberately. Their codes and texts come from `error_catalogue`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from .error_catalogue import ERRORS


class Dependency(StrEnum):
    """What work can wait for, in words that a user understands."""

    DATABASE = "database"
    BROKER = "message broker"
    OBJECT_STORE = "object store"
    SPEECH_MODEL = "speech model"
    SCRATCH = "disk space"
    MACHINE = "memory or file handles"
    NETWORK = "network"
    JOB = "another step of this job"


class Unavailable(Exception):
    """A dependency is away or busy. The same work succeeds later, so no delivery is spent on it."""

    def __init__(self, dependency: Dependency, reason: str, *, retry_after_s: float = 2.0) -> None:
        super().__init__(reason)
        self.dependency = dependency
        self.retry_after_s = retry_after_s


class Reject(Exception):
    """Work that can never succeed, however often it is retried. `code` and `message` are those of the catalogue."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @classmethod
    def of(cls, code: str, **values: Any) -> Self:
        """The catalogue's error for `code`; `values` fill in its fields.

        Raises:
            KeyError: the code is unknown, or a field has no value.
        """
        return cls(code, ERRORS[code].detail(**values))


class Problem(Exception):
    """An error response to a request, as RFC 9457 problem JSON.

    `code` is stable, `detail` says what happened and what to do, `members` are for programs, such as a job's state.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
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

    @classmethod
    def of(
        cls,
        code: str,
        *,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> Self:
        """The catalogue's error for `code`; `values` fill in its fields.

        Raises:
            KeyError: the code is unknown or has no HTTP status, or a field has no value.
        """
        entry = ERRORS[code]
        if entry.status is None:
            raise KeyError(f"{code} has no HTTP status")
        return cls(
            entry.status,
            code,
            entry.detail(**values),
            retry_after_s=retry_after_s,
            headers=headers,
            members=members,
        )
