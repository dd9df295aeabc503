"""Watches whether the model of a pool answers, and stores how it describes itself."""

from __future__ import annotations

import asyncio

import structlog
from voicepipe_wire import aio
from voicepipe_wire.errors import RetryLater
from voicepipe_wire.jobs.heartbeats import HEARTBEAT_INTERVAL_S
from voicepipe_wire.storage.database import TRANSIENT_ERRORS, Pool

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
            description = await self._recognizer.describe()
            await pools.save(self._pool, self._name, description)
        except RetryLater as later:
            if self.is_ready:
                log.warning("model lost, taking no work", pool=self._name, reason=str(later))
            self._missing = str(later)
        except TRANSIENT_ERRORS as error:  # PostgreSQL; the model itself works
            log.warning("model not announced", pool=self._name, error=type(error).__name__)
        except Exception as error:
            # The worker must outlive a model that answers nonsense: it takes no work until the model is repaired.
            log.exception("bug in the model, taking no work", pool=self._name)
            self._missing = f"{type(error).__name__}: {error}"[:200]
        else:
            if not self.is_ready:
                log.info("model ready", pool=self._name, model=description.get("model"))
            self._missing = None
