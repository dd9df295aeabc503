"""The repository of `models`: one row for each pool of speech models. No other module writes this table.

The transcribe workers of a pool save its row every few seconds (`save`). The row stays when they stop, so the pool
accepts jobs while they restart. The controller retires pools that are neither declared nor served (`retire`): a retired
pool accepts no new jobs, and the jobs that it has wait until its row is deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from voicepipe_wire.jobs.heartbeats import HEARTBEAT_TIMEOUT_S
from voicepipe_wire.storage.database import Connection

from .domain import SpeechPool

# During an update, workers of other pools refresh their rows more often than this.
RETIRE_AFTER_S = 60.0


async def save(connection: Connection, name: str, description: Mapping[str, Any]) -> None:
    """Store the description of a model that has just answered."""
    await connection.execute(
        """
        INSERT INTO models (name, description) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET description = excluded.description, seen_at = now(), retired_at = NULL
        """,
        name,
        dict(description),
    )


async def load_all(connection: Connection) -> dict[str, SpeechPool]:
    """The pools that are not retired, by name."""
    rows = await connection.fetch(
        """
        SELECT name, description -> 'languages' AS languages, seen_at > now() - make_interval(secs => $1) AS is_ready
        FROM models WHERE retired_at IS NULL
        """,
        HEARTBEAT_TIMEOUT_S,
    )
    return {row["name"]: SpeechPool(row["name"], tuple(row["languages"] or ()), row["is_ready"]) for row in rows}


async def retire(connection: Connection, declared: Collection[str], forget_after_s: float) -> None:
    """Hide the pools that are neither declared nor served, and delete those that were hidden `forget_after_s` ago."""
    await connection.execute(
        """
        UPDATE models SET retired_at = now() WHERE retired_at IS NULL
            AND name <> ALL ($1) AND seen_at < now() - make_interval(secs => $2)
        """,
        list(declared),
        RETIRE_AFTER_S,
    )
    await connection.execute(
        "UPDATE models SET retired_at = NULL WHERE retired_at IS NOT NULL AND name = ANY ($1)", list(declared)
    )
    await connection.execute("DELETE FROM models WHERE retired_at < now() - make_interval(secs => $1)", forget_after_s)
