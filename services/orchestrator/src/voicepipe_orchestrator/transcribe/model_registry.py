"""The table `models`: the models that are served, as the transcribe workers see them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

import structlog
from voicepipe_wire import aio
from voicepipe_wire.errors import RetryLater
from voicepipe_wire.jobs.heartbeats import HEARTBEAT_INTERVAL_S
from voicepipe_wire.storage.database import TRANSIENT_ERRORS, Pool

from voicepipe_orchestrator.ports import Recognizer

log = structlog.get_logger(__name__)


# Models of pools that no worker has any more. During an update, workers with other pools refresh theirs more often than
# this.
FORGET_AFTER_S = 60.0


async def register_models(pool: Pool, recognizer: Recognizer, pools: Collection[str], stop: asyncio.Event) -> None:
    """Keep the table up to date until `stop` is set. `pools` are those of the settings."""
    known: Mapping[str, Mapping[str, Any]] = {}
    while not stop.is_set():
        with suppress(RetryLater, *TRANSIENT_ERRORS):
            served = await recognizer.describe()
            if served != known:
                log.info(
                    "models served", models={name: description.get("model") for name, description in served.items()}
                )
                known = served
            await _write_models(pool, served, pools)
        await aio.pause(stop, HEARTBEAT_INTERVAL_S)


async def any_model_registered(pool: Pool) -> None:
    """Readiness check.

    Raises:
        LookupError: no worker has seen a model yet. Until then no recording is accepted.
    """
    if not await pool.fetchval("SELECT EXISTS (SELECT FROM models)"):
        raise LookupError("no model is registered yet")


async def languages_of_models(pool: Pool) -> dict[str, tuple[str, ...]]:
    """The languages that each served model knows, by name of the pool."""
    rows = await pool.fetch("SELECT name, description -> 'languages' AS languages FROM models")
    return {row["name"]: tuple(row["languages"] or ()) for row in rows}


async def _write_models(pool: Pool, served: Mapping[str, Mapping[str, Any]], pools: Collection[str]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.executemany(
            """
            INSERT INTO models (name, description) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET description = excluded.description, seen_at = now()
            """,
            [(name, dict(description)) for name, description in served.items()],
        )
        # A pool of the settings stays while its server is down: jobs wait for it, and `model=auto` does not switch to
        # another one.
        await connection.execute(
            "DELETE FROM models WHERE name <> ALL ($1) AND seen_at < now() - make_interval(secs => $2)",
            list(pools),
            FORGET_AFTER_S,
        )
