"""Deletes expired uploads, the PCM of ended jobs, and objects that killed processes left incomplete."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from voicepipe_wire.messaging import outbox
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore, UnfinishedUpload
from voicepipe_wire.web import idempotency

from voicepipe_orchestrator.pcm_store import delete_pcm

log = structlog.get_logger(__name__)


# The bucket may be shared with other programs, whose uploads are theirs.
OUR_PREFIXES = ("audio/", "pcm/")
# Must be longer than decoding the longest recording takes.
UNFINISHED_AFTER = timedelta(days=1)


class Retention:
    def __init__(self, pool: Pool, store: ObjectStore, keep_failed_pcm_s: float) -> None:
        self._pool = pool
        self._store = store
        self._keep_failed_pcm_s = keep_failed_pcm_s

    async def apply(self) -> None:
        """One pass. What cannot be deleted stays for the next pass, and keeps nothing else from being deleted.

        Raises:
            ExceptionGroup: the errors of everything that could not be deleted.
        """
        await self._pool.execute("DELETE FROM workers WHERE seen_at < now() - interval '1 day'")
        # The sweeper needs the commands of jobs that have not ended.
        await outbox.delete_expired(self._pool)
        await idempotency.delete_expired(self._pool)
        errors: list[Exception] = []
        for find, remove in (
            (self._expired_uploads, self._delete_upload),
            (self._jobs_with_unneeded_pcm, self._delete_pcm),
            (self._store.unfinished_uploads, self._abort_if_abandoned),
        ):
            try:
                found = await find()
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
                continue
            outcomes = [await _error_of(remove(item)) for item in found]
            errors += filter(None, outcomes)
        if errors:
            raise ExceptionGroup(f"{len(errors)} objects could not be deleted", errors)

    async def _expired_uploads(self) -> list[Any]:
        return list(
            await self._pool.fetch(
                """
            SELECT id, object_key, multipart_id, job_id, expires_at FROM uploads WHERE expires_at < now()
            ORDER BY expires_at LIMIT 100
            """
            )
        )

    async def _delete_upload(self, row: Any) -> None:
        """Delete the objects, then the row that refers to them, unless the upload's expiry was changed meanwhile."""
        if row["job_id"] != row["id"]:  # otherwise the object is the recording of that job
            if row["multipart_id"]:
                await self._store.abort_multipart(row["object_key"], row["multipart_id"])
            await self._store.delete_under(row["object_key"])
        await self._pool.execute("DELETE FROM uploads WHERE id = $1 AND expires_at = $2", row["id"], row["expires_at"])
        log.info("upload expired", upload=str(row["id"]))

    async def _jobs_with_unneeded_pcm(self) -> list[Any]:
        return list(
            await self._pool.fetch(
                """
            SELECT id FROM jobs WHERE pcm_key IS NOT NULL AND finished_at <
                now() - make_interval(secs => CASE WHEN state = 'failed' THEN $1 ELSE 10 END::double precision)
            LIMIT 100
            """,
                self._keep_failed_pcm_s,
            )
        )

    async def _delete_pcm(self, row: Any) -> None:
        await delete_pcm(self._pool, self._store, row["id"])

    async def _abort_if_abandoned(self, upload: UnfinishedUpload) -> None:
        """Abort a multipart upload of ours whose writer was killed. No row refers to it."""
        if not upload.key.startswith(OUR_PREFIXES) or datetime.now(UTC) - upload.started_at < UNFINISHED_AFTER:
            return
        query = "SELECT EXISTS (SELECT FROM uploads WHERE multipart_id = $1)"
        if not await self._pool.fetchval(query, upload.upload_id):
            await self._store.abort_multipart(upload.key, upload.upload_id)
            log.info("unfinished object removed", started_at=upload.started_at.isoformat())


async def _error_of(work: Awaitable[object]) -> Exception | None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - raised by the caller, with those of the other items
        return error
    return None
