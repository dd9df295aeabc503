"""What nobody needs any more goes away: abandoned uploads, the PCM of ended jobs, workers that left without a word."""

from __future__ import annotations

import structlog
from voicepipe_wire.database import Pool
from voicepipe_wire.objects import ObjectStore

log = structlog.get_logger(__name__)


class Expiry:
    def __init__(self, pool: Pool, store: ObjectStore, keep_failed_pcm_s: float) -> None:
        self._pool = pool
        self._store = store
        self._keep_failed_pcm_s = keep_failed_pcm_s

    async def run(self) -> None:
        await self._uploads()
        await self._pcm()
        await self._pool.execute("DELETE FROM workers WHERE seen_at < now() - interval '1 day'")
        # Commands of jobs that go on are what the sweeper looks for.
        await self._pool.execute(
            """
            DELETE FROM outbox o WHERE published_at < now() - interval '1 hour'
                AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = o.job_id AND j.finished_at IS NULL)
            """
        )

    async def _uploads(self) -> None:
        """First the objects, then the row that leads to them, and that only if nobody took it up again meanwhile."""
        rows = await self._pool.fetch(
            """
            SELECT id, object_key, multipart_id, job_id, expires_at FROM uploads WHERE expires_at < now()
            ORDER BY expires_at LIMIT 100
            """
        )
        for row in rows:
            if row["job_id"] != row["id"]:  # else the object is the recording of that job
                if row["multipart_id"]:
                    await self._store.abort_multipart(row["object_key"], row["multipart_id"])
                await self._store.delete_under(row["object_key"])
            await self._pool.execute(
                "DELETE FROM uploads WHERE id = $1 AND expires_at = $2", row["id"], row["expires_at"]
            )
            log.info("upload expired", upload=str(row["id"]))

    async def _pcm(self) -> None:
        rows = await self._pool.fetch(
            """
            SELECT id, pcm_key FROM jobs WHERE pcm_key IS NOT NULL AND finished_at <
                now() - make_interval(secs => CASE WHEN state = 'failed' THEN $1 ELSE 10 END::double precision)
            LIMIT 100
            """,
            self._keep_failed_pcm_s,
        )
        for row in rows:
            await self._store.delete(row["pcm_key"])
            await self._pool.execute(
                "UPDATE jobs SET pcm_key = NULL WHERE id = $1 AND finished_at IS NOT NULL", row["id"]
            )
