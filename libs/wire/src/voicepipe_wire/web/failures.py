"""Any exception of a request handler as the problem that its client is told, over HTTP and over gRPC."""

from __future__ import annotations

import structlog

from voicepipe_wire.errors import Problem, RetryLater
from voicepipe_wire.storage.database import TRANSIENT_ERRORS

log = structlog.get_logger(__name__)

UNAVAILABLE_RETRY_AFTER_S = 5
# What says that a dependency is unavailable.
UNAVAILABLE: tuple[type[Exception], ...] = (RetryLater, *TRANSIENT_ERRORS)


def problem_of(error: Exception, route: str) -> Problem:
    """The problem; what is not a problem is logged. Of a bug its client learns nothing but that it was logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, UNAVAILABLE):
        log.warning("dependency unavailable", error=type(error).__name__, reason=str(error)[:200])
        return Problem.of("unavailable", retry_after_s=UNAVAILABLE_RETRY_AFTER_S)
    log.error("bug in a request handler", route=route, exc_info=error)
    return Problem.of("internal_error")
