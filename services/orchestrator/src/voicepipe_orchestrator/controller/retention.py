"""Deletes expired uploads, the PCM of ended jobs, and objects that killed processes left incomplete."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from voicepipe_wire.messaging import outbox
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore, UnfinishedUpload
from voicepipe_wire.web import idempotency

from voicepipe_orchestrator.pcm_store import delete_pcm

from .rows import Rows

log = structlog.get_logger(__name__)


# The bucket may be shared with other programs, whose uploads are theirs.
OUR_PREFIXES = ("audio/", "pcm/")
_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PCM_KEY = re.compile(f"pcm/(?P<owner>{_ID})/(?P<job>{_ID})/.+")
# Must be longer than decoding the longest recording takes.
UNFINISHED_AFTER = timedelta(days=1)


class Retention:
    def __init__(self, pool: Pool, store: ObjectStore, keep_failed_pcm_s: float) -> None:
        self._pool = pool
        self._store = store
        self._keep_failed_pcm_s = keep_failed_pcm_s
        self._uploads = Rows("expired_uploads")
        self._pcm = Rows("unneeded_pcm")
        self._unfinished = Rows("unfinished_objects")
        self._stray = Rows("stray_pcm")

    async def apply(self) -> None:
        """One pass. What cannot be deleted rests (`rows`), and keeps nothing else from being deleted.

        Raises:
            ExceptionGroup: the errors of the kinds of things that could not be looked for, or were given up in this pass.
        """
        errors: list[Exception] = []
        for delete in (
            self._delete_old_rows,
            self._delete_expired_uploads,
            self._delete_unneeded_pcm,
            self._abort_abandoned_uploads,
            self._delete_stray_pcm,
        ):
            try:
                await delete()
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
        if errors:
            raise ExceptionGroup("not everything could be deleted", errors)

    async def _delete_old_rows(self) -> None:
        await self._pool.execute("DELETE FROM workers WHERE seen_at < now() - interval '1 day'")
        # The sweeper needs the commands of jobs that have not ended.
        await outbox.delete_expired(self._pool)
        await idempotency.delete_expired(self._pool)

    async def _delete_expired_uploads(self) -> None:
        rows = await self._pool.fetch(
            """
            SELECT id, object_key, multipart_id, job_id, expires_at FROM uploads
            WHERE expires_at < now() AND id <> ALL ($1) ORDER BY expires_at LIMIT 100
            """,
            self._uploads.resting,
        )
        await self._uploads.each(rows, self._delete_upload)

    async def _delete_upload(self, row: Any) -> None:
        """Delete the objects, then the row that refers to them, unless the upload's expiry was changed meanwhile."""
        if row["job_id"] != row["id"]:  # otherwise the object is the recording of that job
            if row["multipart_id"]:
                await self._store.abort_multipart(row["object_key"], row["multipart_id"])
            await self._store.delete_under(row["object_key"])
        await self._pool.execute("DELETE FROM uploads WHERE id = $1 AND expires_at = $2", row["id"], row["expires_at"])
        log.info("upload expired", upload=str(row["id"]))

    async def _delete_unneeded_pcm(self) -> None:
        rows = await self._pool.fetch(
            """
            SELECT id FROM jobs WHERE pcm_key IS NOT NULL AND id <> ALL ($2) AND finished_at <
                now() - make_interval(secs => CASE WHEN state = 'failed' THEN $1 ELSE 10 END::double precision)
            ORDER BY finished_at LIMIT 100
            """,
            self._keep_failed_pcm_s,
            self._pcm.resting,
        )
        await self._pcm.each(rows, lambda row: delete_pcm(self._pool, self._store, row["id"]))

    async def _abort_abandoned_uploads(self) -> None:
        for prefix in OUR_PREFIXES:
            found = await self._store.unfinished_uploads(prefix)
            await self._unfinished.each(found, self._abort_if_abandoned, key=lambda upload: upload.upload_id)

    async def _abort_if_abandoned(self, upload: UnfinishedUpload) -> None:
        """Abort a multipart upload of ours whose writer was killed. No row refers to it."""
        if datetime.now(UTC) - upload.started_at < UNFINISHED_AFTER:
            return
        query = "SELECT EXISTS (SELECT FROM uploads WHERE multipart_id = $1)"
        if not await self._pool.fetchval(query, upload.upload_id):
            await self._store.abort_multipart(upload.key, upload.upload_id)
            log.info("unfinished object removed", started_at=upload.started_at.isoformat())

    async def _delete_stray_pcm(self) -> None:
        """Delete decoded audio of attempts whose job had ended before their object was whole, and could not delete it then."""
        found = await self._store.keys_older_than("pcm/", datetime.now(UTC) - UNFINISHED_AFTER)
        await self._stray.each(found, self._delete_if_stray, key=lambda key: key)

    async def _delete_if_stray(self, key: str) -> None:
        """The bucket may be shared: an object of an owner that is not ours is somebody else's."""
        if (parts := _PCM_KEY.fullmatch(key)) is None:
            return
        is_stray = await self._pool.fetchval(
            """
            SELECT EXISTS (SELECT FROM users WHERE id = $1)
                AND NOT EXISTS (SELECT FROM jobs WHERE id = $2 AND (finished_at IS NULL OR pcm_key = $3))
            """,
            UUID(parts["owner"]),
            UUID(parts["job"]),
            key,
        )
        if is_stray:
            await self._store.delete(key)
            log.info("stray decoded audio removed", job=parts["job"])
