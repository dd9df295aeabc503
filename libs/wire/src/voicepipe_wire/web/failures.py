"""Any exception of a request handler as the problem that its client is told, over HTTP and over gRPC."""

from __future__ import annotations

import structlog

from voicepipe_wire.errors import Problem
from voicepipe_wire.failures import outage

log = structlog.get_logger(__name__)

UNAVAILABLE_RETRY_AFTER_S = 5


def problem_of(error: Exception, route: str) -> Problem:
    """The problem; what is not a problem is logged. Of a bug its client learns nothing but that it was logged."""
    if isinstance(error, Problem):
        return error
    if (away := outage(error)) is not None:
        log.warning("dependency unavailable", dependency=away.dependency, reason=str(away)[:200])
        return Problem.of("unavailable", retry_after_s=UNAVAILABLE_RETRY_AFTER_S)
    log.error("bug in a request handler", route=route, exc_info=error)
    return Problem.of("internal_error")
