"""Which models the workers see."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog
from voicepipe_wire.database import AWAY, Pool
from voicepipe_wire.errors import RetryLater
from voicepipe_wire.presence import SAY_EVERY_S

from .ports import Recognizer

log = structlog.get_logger(__name__)


async def announce_models(pool: Pool, recognizer: Recognizer, stop: asyncio.Event) -> None:
    """Write down the models that are served, whenever that changes and every few seconds."""
    known: Mapping[str, Mapping[str, Any]] = {}
    while not stop.is_set():
        with suppress(RetryLater, *AWAY):
            served = await recognizer.describe()
            if served != known:
                log.info("models served", models={name: about.get("model") for name, about in served.items()})
                known = served
            await _write_models(pool, served)
        with suppress(TimeoutError):
            async with asyncio.timeout(SAY_EVERY_S):
                await stop.wait()


async def a_model_is_known(pool: Pool) -> None:
    """Raises LookupError until a worker has seen a model: so long no recording is accepted."""
    if not await pool.fetchval("SELECT EXISTS (SELECT FROM models)"):
        raise LookupError("no model was seen yet")


async def _write_models(pool: Pool, served: Mapping[str, Mapping[str, Any]]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.executemany(
            """
            INSERT INTO models (name, description) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET description = excluded.description, seen_at = now()
            """,
            [(name, dict(about)) for name, about in served.items()],
        )
        # What no worker has seen for so long is gone; while Triton is away nothing is seen, and nothing is forgotten.
        if served:
            await connection.execute("DELETE FROM models WHERE seen_at < now() - interval '10 minutes'")
