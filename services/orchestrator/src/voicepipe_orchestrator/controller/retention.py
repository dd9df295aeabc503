"""Deletes expired uploads, the PCM of ended jobs, and objects that killed processes left incomplete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from voicepipe_wire.messaging import outbox
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore

from voicepipe_orchestrator.pcm_store import delete_pcm

log = structlog.get_logger(__name__)


# Must be longer than decoding the longest recording takes.
UNFINISHED_AFTER = timedelta(days=1)


class Retention:
    def __init__(self, pool: Pool, store: ObjectStore, keep_failed_pcm_s: float) -> None:
        self._pool = pool
        self._store = store
        self._keep_failed_pcm_s = keep_failed_pcm_s

    async def apply(self) -> None:
        await self._delete_expired_uploads()
        await self._delete_pcm()
        await self._abort_unfinished()
        await self._pool.execute("DELETE FROM workers WHERE seen_at < now() - interval '1 day'")
        # The sweeper needs the commands of jobs that have not ended.
        await outbox.delete_expired(self._pool)

    async def _delete_expired_uploads(self) -> None:
        """Delete the objects, then the row that refers to them, unless the upload's expiry was changed meanwhile."""
        rows = await self._pool.fetch(
            """
            SELECT id, object_key, multipart_id, job_id, expires_at FROM uploads WHERE expires_at < now()
            ORDER BY expires_at LIMIT 100
            """
        )
        for row in rows:
            if row["job_id"] != row["id"]:  # otherwise the object is the recording of that job
                if row["multipart_id"]:
                    await self._store.abort_multipart(row["object_key"], row["multipart_id"])
                await self._store.delete_under(row["object_key"])
            await self._pool.execute(
                "DELETE FROM uploads WHERE id = $1 AND expires_at = $2", row["id"], row["expires_at"]
            )
            log.info("upload expired", upload=str(row["id"]))

    async def _delete_pcm(self) -> None:
        rows = await self._pool.fetch(
            """
            SELECT id FROM jobs WHERE pcm_key IS NOT NULL AND finished_at <
                now() - make_interval(secs => CASE WHEN state = 'failed' THEN $1 ELSE 10 END::double precision)
            LIMIT 100
            """,
            self._keep_failed_pcm_s,
        )
        for row in rows:
            await delete_pcm(self._pool, self._store, row["id"])

    async def _abort_unfinished(self) -> None:
        """Abort multipart uploads whose writer was killed. No row refers to them."""
        for upload in await self._store.unfinished_uploads():
            if datetime.now(UTC) - upload.started_at < UNFINISHED_AFTER:
                continue
            if not await self._pool.fetchval(
                "SELECT EXISTS (SELECT FROM uploads WHERE multipart_id = $1)", upload.upload_id
            ):
                await self._store.abort_multipart(upload.key, upload.upload_id)
                log.info("unfinished object removed", started_at=upload.started_at.isoformat())
