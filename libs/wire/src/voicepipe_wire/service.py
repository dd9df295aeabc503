"""The life of a service process: start, wait for servers, run, stop.

Invariants:

- The probes (`web.probes`) respond from the first moment to the last. An operator can always see what a process waits
  for, and Prometheus sees the work that ends during a shutdown.
- An unavailable server never ends the process. The process stays unready and reports what it waits for. A restart would
  not help, and the backoff of a crash loop would delay the start after the server is back.
- After SIGTERM the process is unready at once. After `drain_s`, when proxies have noticed, `stop` is set; the work then
  has `grace_s` to end (`messaging.consumer` hands back what does not).

Races:

- SIGTERM while the process waits for a server: `Startup.wait_for` raises `StoppedEarly`, and the process exits with 0.
- SIGTERM twice: the second one has no effect. Only SIGKILL ends a process early.
- The work ends by itself or fails: the server stops too, and the error determines the exit status.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
import uvicorn
from pydantic import ValidationError
from starlette.types import ASGIApp

from . import aio, telemetry
from .settings import ProcessSettings, Settings, invalid
from .storage import database
from .storage.database import Pool
from .web import cors
from .web.probes import Checks, Probes

log = structlog.get_logger(__name__)

S = TypeVar("S", bound=ProcessSettings)
Result = TypeVar("Result")

BUG = 1
BAD_SETTINGS = 2

RETRY_S = 1.0
LOG_EVERY_S = 10.0


class StoppedEarly(Exception):
    """The process was stopped before it had started."""


class CannotStart(Exception):
    """Something that no waiting will bring is missing. The message is a sentence that says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Running:
    """A service that has started.

    `work` runs until its event is set, and then until everything in flight has ended. `checks` determine readiness;
    `reported` are only shown with them, because they fail for all processes at once. A check raises if its dependency
    cannot be used. `alive` are checks of `/healthz`: when one fails, only a restart of the process helps. `on_draining` is
    called when the process is asked to stop, while it still accepts requests.
    """

    work: Callable[[asyncio.Event], Awaitable[object]]
    app: ASGIApp | None = None
    checks: Checks = field(default_factory=dict)
    reported: Checks = field(default_factory=dict)
    alive: Checks = field(default_factory=dict)
    on_draining: Callable[[], Awaitable[object]] | None = None


class Startup:
    """Waits for the servers that a service needs. The probes show what it waits for."""

    def __init__(self, probes: Probes, stopping: asyncio.Event) -> None:
        self._probes = probes
        self._stopping = stopping

    async def wait_for(self, dependency: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Repeat `attempt` until it succeeds, and return its result. Any error is a reason to wait.

        That includes a wrong password: a new one may be set a moment later, and `/readyz` shows the error meanwhile.

        Raises:
            StoppedEarly: the process is to stop.
        """
        logged_at = -LOG_EVERY_S
        while not self._stopping.is_set():
            try:
                return await attempt()
            except Exception as error:  # noqa: BLE001 - see above
                reason = f"{type(error).__name__}: {error}".strip(": ")[:200]
            self._probes.wait_for(dependency, reason)
            if time.monotonic() - logged_at >= LOG_EVERY_S:
                logged_at = time.monotonic()
                log.warning("waiting", dependency=dependency, reason=reason)
            await aio.pause(self._stopping, RETRY_S)
        raise StoppedEarly

    @asynccontextmanager
    async def database(self, settings: Settings) -> AsyncIterator[Pool]:
        """A pool of connections to a database whose schema is new enough."""
        pool = await self.wait_for("postgresql", lambda: database.connect(settings))
        try:
            await self.wait_for("schema", lambda: database.check_schema(pool))
            yield pool
        finally:
            await database.close(pool)


Start = Callable[[S, Startup], AbstractAsyncContextManager[Running]]


def run_service(name: str, settings_class: type[S], start: Start[S]) -> int:
    """Run a service until it is stopped, and return its exit status.

    0: it was stopped. 1: a bug. 2: a setting, or something else that an operator provides, is missing or invalid. Telemetry is
    flushed in every case.
    """
    try:
        settings = settings_class()
    except ValidationError as error:
        print(invalid(name, error), file=sys.stderr)  # noqa: T201 - logging is not configured yet
        return BAD_SETTINGS
    telemetry.configure(name, settings.log_level)
    try:
        cannot_start = asyncio.run(_run(settings, start))
    except Exception:
        log.exception("bug, the process ends")
        return BUG
    finally:
        telemetry.shutdown()
    if cannot_start is not None:
        print(f"{name} cannot start. {cannot_start}", file=sys.stderr)  # noqa: T201 - as for an invalid setting
        return BAD_SETTINGS
    return 0


async def _run(settings: S, start: Start[S]) -> CannotStart | None:
    """Run the service; returns why it could not start."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    probes = Probes()
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    server = _Server(
        uvicorn.Config(
            cors.allowing(settings, probes) if isinstance(settings, cors.CorsSettings) else probes,
            host=settings.http_host,
            port=settings.http_port,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=max(1, int(settings.grace_s)),
        )
    )
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve())
        serving.add_done_callback(lambda _: stopping.set())
        try:
            async with start(settings, Startup(probes, stopping)) as running:
                probes.start(running.app, running.checks, running.reported, running.alive)
                stop = asyncio.Event()
                async with aio.background(_drain(settings, probes, running, stopping, stop)):
                    await running.work(stop)
                # The open requests need what `start` has opened, so they end first.
                server.should_exit = True
                await serving
        except StoppedEarly:
            log.info("stopped before it had started")
        except CannotStart as error:
            return error
        finally:
            server.should_exit = True
    return None


async def _drain(
    settings: ProcessSettings, probes: Probes, running: Running, stopping: asyncio.Event, stop: asyncio.Event
) -> None:
    await stopping.wait()
    log.info("stopping", drain_s=settings.drain_s, grace_s=settings.grace_s)
    probes.stop()
    if running.on_draining is not None:
        await running.on_draining()
    await asyncio.sleep(settings.drain_s)
    stop.set()


def _is_news(record: logging.LogRecord) -> bool:
    """Uvicorn calls every response that we cut off an error. Whoever cuts one off has said why."""
    return "without completing response" not in record.getMessage()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: this module has more to stop."""

    def capture_signals(self) -> Any:
        return nullcontext()
