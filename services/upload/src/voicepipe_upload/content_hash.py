"""The hash of a stored recording that no request has received as a whole, such as a resumed upload.

Reading an object back takes as long as the object is large, so it happens once for each upload:

- In this process, all who need the hash of an upload wait for the same task. It goes on if they leave.
- On other replicas, the row says who reads (`Uploads.begin_hash`), for `HELD_FOR_S` at a time. A replica that dies is followed by
  another after that.
- The hash is kept in the row, so a request that fails after it need not read the object again.

The object is complete and never changes, so neither does its hash.
"""

from __future__ import annotations

import asyncio
import hashlib
from uuid import UUID

import structlog
from voicepipe_wire import aio, telemetry
from voicepipe_wire.storage.objects import ObjectStore

from .storage.uploads import Upload, Uploads

log = structlog.get_logger(__name__)

HELD_FOR_S = 30.0
RENEW_EVERY_S = 10.0
# How often a replica looks whether another one has the hash.
LOOK_EVERY_S = 1.0


class ContentHashes:
    def __init__(self, store: ObjectStore, uploads: Uploads) -> None:
        self._store = store
        self._uploads = uploads
        self._tasks: dict[UUID, asyncio.Task[bytes]] = {}

    async def of(self, upload: Upload) -> bytes:
        """The SHA-256 of an upload whose object is complete.

        Raises:
            Superseded: the upload has expired.
            Unavailable, ObjectMissing: the object cannot be read.
        """
        task = self._tasks.get(upload.id)
        if task is None:
            task = self._tasks[upload.id] = asyncio.create_task(self._find(upload))
            task.add_done_callback(lambda done: self._ended(upload.id, done))
        return await asyncio.shield(task)

    def _ended(self, upload_id: UUID, task: asyncio.Task[bytes]) -> None:
        del self._tasks[upload_id]
        if not task.cancelled() and (error := task.exception()):
            log.warning("recording not hashed", upload=str(upload_id), error=type(error).__name__)

    async def _find(self, upload: Upload) -> bytes:
        while True:
            sha256, is_ours = await self._uploads.begin_hash(upload.id, HELD_FOR_S)
            if sha256 is not None:
                return sha256
            if is_ours:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        try:
            async with aio.background(self._renew(upload.id)):
                sha256 = await self._read(upload.object_key)
        except BaseException:
            await aio.finish(self._uploads.end_hash(upload.id, None))
            raise
        await self._uploads.end_hash(upload.id, sha256)
        return sha256

    async def _read(self, key: str) -> bytes:
        digest = hashlib.sha256()
        with telemetry.span("hash object"):
            async with self._store.open(key) as blocks:
                async for block in blocks:
                    await asyncio.to_thread(digest.update, block)
        return digest.digest()

    async def _renew(self, upload_id: UUID) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                await self._uploads.renew_hash(upload_id, HELD_FOR_S)
            except Exception as error:  # noqa: BLE001 - at worst another replica reads the object too
                log.warning("hash not renewed", upload=str(upload_id), error=type(error).__name__)
