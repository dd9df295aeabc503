"""Watches whether the model of a pool answers, and stores how it describes itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from voicepipe_wire import aio
from voicepipe_wire.errors import Dependency
from voicepipe_wire.failures import outage
from voicepipe_wire.jobs.heartbeats import HEARTBEAT_INTERVAL_S
from voicepipe_wire.storage.database import Pool

from voicepipe_orchestrator import pools
from voicepipe_orchestrator.ports import Recognizer

log = structlog.get_logger(__name__)


class ModelWatch:
    """Asks the model for its description every few seconds, and stores it.

    `is_ready` is false from the first question that the model does not answer. A model that is busy answers late, which
    changes nothing meanwhile.
    """

    def __init__(self, pool: Pool, recognizer: Recognizer, name: str) -> None:
        self._pool = pool
        self._recognizer = recognizer
        self._name = name
        self._missing: str | None = "the model has not answered yet"
        # How the model last described itself; empty before its first answer. A model that is replaced behind the same address
        # is noticed at the next question.
        self.description: Mapping[str, Any] = {}

    @property
    def is_ready(self) -> bool:
        return self._missing is None

    async def check(self) -> None:
        """Readiness check.

        Raises:
            ConnectionError: the model does not answer; the message has the reason.
        """
        if self._missing is not None:
            raise ConnectionError(self._missing)

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._look()
            await aio.pause(stop, HEARTBEAT_INTERVAL_S)

    async def _look(self) -> None:
        try:
            description = self.description = await self._recognizer.describe()
            await pools.save(self._pool, self._name, description)
        except Exception as error:  # noqa: BLE001 - logged there
            self._judge(error)
        else:
            if not self.is_ready:
                log.info("model ready", pool=self._name, model=description.get("model"))
            self._missing = None

    def _judge(self, error: Exception) -> None:
        """Whatever was raised, the worker continues: it takes no work until the model answers."""
        away = outage(error)
        if away is not None and away.dependency is Dependency.DATABASE:  # the model itself works
            log.warning("model not announced", pool=self._name, reason=str(away))
            return
        if away is None:
            log.error("bug in the model, taking no work", pool=self._name, exc_info=error)
        elif self.is_ready:
            log.warning("model lost, taking no work", pool=self._name, reason=str(away))
        self._missing = str(away) if away else f"{type(error).__name__}: {error}"[:200]
