"""Runs the handler of a command, again and again while a dependency is unavailable, for as long as its slot may wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

import structlog
from google.protobuf.message import Message
from prometheus_client import Counter, Gauge

from voicepipe_wire import aio
from voicepipe_wire.errors import Unavailable
from voicepipe_wire.failures import outage, tolerating_outages

from .broker import Delivery

log = structlog.get_logger(__name__)

WAITING = Gauge("voicepipe_commands_waiting", "Commands in flight that wait for a dependency", ["stage", "dependency"])
WAITED = Counter(
    "voicepipe_commands_waited_seconds_total",
    "Time that commands in flight have waited for a dependency",
    ["stage", "dependency"],
)
FIRST_RETRY_DELAY_S, MAX_RETRY_DELAY_S = 1.0, 60.0
# The handler of each command type.
Handlers = Mapping[type[Message], Callable[[Any], Awaitable[None]]]
# Notes what a command waits for: (stage, command, outage). Safe to repeat.
OnWaiting = Callable[[str, Message, Unavailable], Awaitable[None]]


class Fate(StrEnum):
    """How a run of a handler ended, if it did not raise."""

    DONE = "done"
    HANDED_BACK = "handed_back"  # the worker stops
    PUT_BACK = "put_back"  # a dependency has been away for too long


async def note_nothing(_stage: str, _command: Message, _outage: Unavailable) -> None:
    return


class Patience:
    """The handlers of one worker, and how long each of its slots waits."""

    def __init__(self, stage: str, handlers: Handlers, delivery: Delivery, on_waiting: OnWaiting) -> None:
        self._stage = stage
        self._handlers = handlers
        self._delivery = delivery
        self._on_waiting = on_waiting

    async def run(self, command: Message, stop: asyncio.Event) -> Fate:
        """Run the handler, again while a dependency is unavailable, for up to `wait_s`."""
        first_outage_at: float | None = None
        while True:
            try:
                await self._handlers[type(command)](command)
            except Exception as error:
                if (away := outage(error)) is None:
                    raise
            else:
                return Fate.DONE
            first_outage_at = first_outage_at or time.monotonic()
            waited_s = time.monotonic() - first_outage_at
            log.warning(
                "dependency unavailable, waiting",
                stage=self._stage,
                waiting_for=away.dependency,
                reason=str(away),
                waited_s=round(waited_s, 1),
            )
            with tolerating_outages("wait not noted"):
                await self._on_waiting(self._stage, command, away)
            if waited_s >= self._delivery.wait_s:
                return Fate.PUT_BACK
            if await self._wait(stop, away):
                return Fate.HANDED_BACK

    async def _wait(self, stop: asyncio.Event, away: Unavailable) -> bool:
        """Wait until the dependency may be asked again; True if the worker stops meanwhile."""
        delay_s = away.retry_after_s * jitter()
        with WAITING.labels(self._stage, away.dependency).track_inprogress():
            is_stopping = await aio.pause(stop, delay_s)
        WAITED.labels(self._stage, away.dependency).inc(delay_s)
        return is_stopping


def retry_delay_s(deliveries: int) -> float:
    """Exponential backoff."""
    return min(MAX_RETRY_DELAY_S, FIRST_RETRY_DELAY_S * 2.0 ** (deliveries - 1)) * jitter()


def jitter() -> float:
    """25 % either way, so that commands that failed together do not come back together."""
    return random.uniform(0.75, 1.25)
