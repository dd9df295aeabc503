"""Runs the controller's periodic tasks: relay, sweep, deadlines, retention, deletions, metrics, backlog."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from prometheus_client import Counter, Gauge
from voicepipe_wire import aio
from voicepipe_wire.failures import outage
from voicepipe_wire.messaging.outbox import Outbox

from .advisories import Advisories
from .backlog import Backlog
from .deletions import Deletions
from .diarization_deadline import DiarizationDeadline
from .gauges import Gauges
from .missing_pools import MissingPools
from .retention import Retention
from .sweep import Sweeper

log = structlog.get_logger(__name__)

LAST_PASS = Gauge(
    "voicepipe_controller_last_pass_timestamp_seconds",
    "When a periodic task of the controller last succeeded",
    ["task"],
)

FAILURES = Counter("voicepipe_controller_failures_total", "Passes of a periodic task that failed", ["task"])

RELAY_EVERY_S = 1.0
GAUGES_EVERY_S = 5.0
BACKLOG_EVERY_S = 3.0
RETENTION_EVERY_S = 30.0
DELETIONS_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Controller:
    outbox: Outbox
    sweeper: Sweeper
    advisories: Advisories
    retention: Retention
    deletions: Deletions
    diarization_deadline: DiarizationDeadline
    missing_pools: MissingPools
    gauges: Gauges
    backlog: Backlog
    sweep_every_s: float

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.advisories.listen(stop))
            tasks.create_task(_every(RELAY_EVERY_S, self.outbox.relay, stop))
            tasks.create_task(_every(self.sweep_every_s, self.sweeper.sweep, stop))
            tasks.create_task(_every(self.sweep_every_s, self.diarization_deadline.enforce, stop))
            tasks.create_task(_every(RETENTION_EVERY_S, self.retention.apply, stop))
            tasks.create_task(_every(DELETIONS_EVERY_S, self.deletions.work_off, stop))
            tasks.create_task(_every(self.sweep_every_s, self.missing_pools.enforce, stop))
            tasks.create_task(_every(GAUGES_EVERY_S, self.gauges.measure, stop))
            tasks.create_task(_every(BACKLOG_EVERY_S, self.backlog.publish, stop))


async def _every(seconds: float, act: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    """Call `act` until `stop` is set. Whatever it raises, the next call tries again: each pass looks at the whole state."""
    task = getattr(act, "__qualname__", "?")
    LAST_PASS.labels(task).set_to_current_time()
    FAILURES.labels(task)
    while not stop.is_set():
        try:
            await act()
        except Exception as error:
            # The other tasks must go on, and the next pass of this one may find another state.
            FAILURES.labels(task).inc()
            if (away := outage(error)) is not None:
                log.warning("periodic task failed, retrying", task=task, waiting_for=away.dependency, reason=str(away))
            else:
                log.exception("bug in a periodic task", task=task)
        else:
            LAST_PASS.labels(task).set_to_current_time()
        await aio.pause(stop, seconds)
