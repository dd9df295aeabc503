"""Start and stop of a service process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError

from . import telemetry
from .settings import Settings
from .storage.database import TRANSIENT_ERRORS

log = structlog.get_logger(__name__)

S = TypeVar("S", bound=Settings)

BAD_SETTINGS = 2
UNAVAILABLE = 1


def run_service(name: str, settings_class: type[S], run: Callable[[S], Coroutine[Any, Any, None]]) -> int:
    """Run a service until it is stopped, and return its exit status.

    0: it was stopped. 1: PostgreSQL or NATS did not answer at startup; start it again. 2: a setting is missing or
    invalid. Telemetry is flushed in every case.
    """
    try:
        settings = settings_class()
    except ValidationError as error:
        wrong = ", ".join(f"VOICEPIPE_{'_'.join(map(str, fault['loc'])).upper()}" for fault in error.errors())
        print(f"{name} cannot start. Missing or invalid settings: {wrong}.", file=sys.stderr)  # noqa: T201 - logging is not configured yet
        return BAD_SETTINGS
    telemetry.configure(name, settings.log_level)
    try:
        asyncio.run(run(settings))
    except TRANSIENT_ERRORS as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        log.error("cannot start, PostgreSQL or NATS does not answer", reason=reason)  # noqa: TRY400 - a traceback would not help an operator
        return UNAVAILABLE
    finally:
        telemetry.shutdown()
    return 0
