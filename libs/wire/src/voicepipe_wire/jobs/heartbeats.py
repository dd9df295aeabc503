"""Worker heartbeats: which stages have a live worker."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from voicepipe_wire import __version__, aio
from voicepipe_wire.failures import tolerating_outages
from voicepipe_wire.storage.database import Pool

HEARTBEAT_INTERVAL_S = 5.0
HEARTBEAT_TIMEOUT_S = 30.0


async def send_heartbeats(pool: Pool, stage: str, stop: asyncio.Event) -> None:
    """Register this worker, refresh it every few seconds, and remove it at the end."""
    worker_id = uuid4()
    with tolerating_outages("dead workers not removed"):
        await pool.execute("DELETE FROM workers WHERE seen_at < now() - interval '1 hour'")
    while not stop.is_set():
        with tolerating_outages("heartbeat not sent"):
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
    with tolerating_outages("worker not removed"):
        await pool.execute("DELETE FROM workers WHERE id = $1", worker_id)
