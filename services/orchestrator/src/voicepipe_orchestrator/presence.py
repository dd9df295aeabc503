"""Which workers live, by their own word, and which models they see."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

import structlog
from voicepipe_wire import __version__
from voicepipe_wire.database import AWAY, Pool
from voicepipe_wire.errors import RetryLater

from .ports import Recognizer

log = structlog.get_logger(__name__)

SAY_EVERY_S = 5.0
ALIVE_FOR_S = 30.0


async def is_alive(connection: Any, stage: str) -> bool:
    """Whether a worker of the stage was seen lately."""
    query = "SELECT EXISTS (SELECT FROM workers WHERE stage = $1 AND seen_at > now() - make_interval(secs => $2))"
    return bool(await connection.fetchval(query, stage, ALIVE_FOR_S))


async def announce(pool: Pool, stage: str, stop: asyncio.Event) -> None:
    """Say every few seconds that this worker lives; take it back at the end."""
    worker_id = uuid4()
    while not stop.is_set():
        with suppress(*AWAY):
            await pool.execute(
                """
                INSERT INTO workers (id, stage, version) VALUES ($1, $2, $3)
                ON CONFLICT (id) DO UPDATE SET seen_at = now()
                """,
                worker_id,
                stage,
                __version__,
            )
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SAY_EVERY_S)
    with suppress(*AWAY):
        await pool.execute("DELETE FROM workers WHERE id = $1", worker_id)


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
            await asyncio.wait_for(stop.wait(), SAY_EVERY_S)


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
