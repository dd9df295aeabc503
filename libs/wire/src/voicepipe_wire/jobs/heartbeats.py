"""Worker heartbeats: which stages have a live worker."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from voicepipe_wire import __version__, aio
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.watchdog import surviving

HEARTBEAT_INTERVAL_S = 5.0
HEARTBEAT_TIMEOUT_S = 30.0


async def send_heartbeats(pool: Pool, stage: str, stop: asyncio.Event) -> None:
    """Register this worker, refresh it every few seconds, and remove it at the end.

    Whatever fails, the worker continues: without heartbeats it only looks as if it were away.
    """
    worker_id = uuid4()
    with surviving("heartbeats"):  # workers that died before they removed themselves
        await pool.execute("DELETE FROM workers WHERE seen_at < now() - interval '1 hour'")
    while not stop.is_set():
        with surviving("heartbeats"):
            await pool.execute(
                """
                INSERT INTO workers (id, stage, version) VALUES ($1, $2, $3)
                ON CONFLICT (id) DO UPDATE SET seen_at = now()
                """,
                worker_id,
                stage,
                __version__,
            )
        await aio.pause(stop, HEARTBEAT_INTERVAL_S)
    with surviving("heartbeats"):
        await pool.execute("DELETE FROM workers WHERE id = $1", worker_id)
