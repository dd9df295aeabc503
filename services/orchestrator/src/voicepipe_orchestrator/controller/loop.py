"""Runs the controller's periodic tasks: relay, sweep, deadlines, retention, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge
from voicepipe_wire import aio
from voicepipe_wire.errors import RetryLater
from voicepipe_wire.jobs.stages import Stage
from voicepipe_wire.messaging.broker import BROKER_TRANSIENT_ERRORS, JetStream
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.subjects import CONTROL, Priority
from voicepipe_wire.storage.database import TRANSIENT_ERRORS

from .advisories import Advisories
from .diarization_deadline import DiarizationDeadline
from .retention import Retention
from .sweep import Sweeper

log = structlog.get_logger(__name__)

BACKLOG = Gauge("voicepipe_backlog", "Commands waiting for a worker", ["stage", "priority"])

RELAY_EVERY_S = 1.0
BACKLOG_EVERY_S = 5.0
RETENTION_EVERY_S = 30.0

TRANSIENT: tuple[type[Exception], ...] = (RetryLater, BROKER_TRANSIENT_ERRORS, *TRANSIENT_ERRORS)


@dataclass(frozen=True, slots=True)
class Controller:
    outbox: Outbox
    sweeper: Sweeper
    advisories: Advisories
    retention: Retention
    diarization_deadline: DiarizationDeadline
    jetstream: JetStream
    sweep_every_s: float

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.advisories.listen(stop))
            tasks.create_task(_every(RELAY_EVERY_S, self.outbox.relay, stop))
            tasks.create_task(_every(self.sweep_every_s, self.sweeper.sweep, stop))
            tasks.create_task(_every(self.sweep_every_s, self.diarization_deadline.enforce, stop))
            tasks.create_task(_every(RETENTION_EVERY_S, self.retention.apply, stop))
            tasks.create_task(_every(BACKLOG_EVERY_S, self._measure_backlog, stop))

    async def _measure_backlog(self) -> None:
        for stage in (*Stage, CONTROL):
            for priority in Priority:
                waiting = await self.jetstream.backlog(stage, priority)
                if waiting is not None:
                    BACKLOG.labels(stage, priority).set(waiting)


async def _every(seconds: float, act: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    """Call `act` until `stop` is set. If a dependency is unavailable, the next call tries again."""
    while not stop.is_set():
        try:
            await act()
        except TRANSIENT as error:
            log.warning(
                "periodic task failed, retrying",
                task=getattr(act, "__qualname__", "?"),
                error=type(error).__name__,
                reason=str(error)[:200],
            )
        await aio.pause(stop, seconds)
