"""Bytes of one request become parts of an object, in constant memory.

While one part is stored and hashed, the one before it is recorded and the next one fills; there are never more. What is recorded
in `uploads` is safe: a crash costs at most the two parts that were on their way.
"""

from __future__ import annotations

import asyncio
import hashlib
import mmap
from collections import deque
from contextlib import suppress
from dataclasses import replace
from uuid import UUID, uuid4

import structlog
from voicepipe_wire import telemetry
from voicepipe_wire.errors import Problem, RetryLater
from voicepipe_wire.objects import PART_BYTES, ObjectMissing, ObjectStore, Part

from .metrics import PART_SECONDS
from .sniff import HEAD_BYTES, refuse_other_than_media
from .tus_protocol import Checksum
from .uploads import Advance, Overtaken, Upload, Uploads

log = structlog.get_logger(__name__)

# S3 numbers parts up to here.
MOST_PARTS = 10_000
# A part is in memory, so a short absence of the object store need not break the upload.
STORE_AGAIN_AFTER_S = (0.5, 1.0, 2.0)


class PartWriter:
    """The writer of one upload, from the offset where it stands.

    Every method raises Overtaken when another writer took over, RetryLater while the object store is away, and Problem
    `not_audio` as soon as the first bytes show it. With a `checksum`, nothing is recorded before `verify`.
    """

    def __init__(
        self,
        store: ObjectStore,
        uploads: Uploads,
        upload: Upload,
        *,
        keep_for_s: float,
        checksum: Checksum | None = None,
    ) -> None:
        self._store = store
        self._uploads = uploads
        self._upload = upload
        self._keep_for_s = keep_for_s
        self._checksum = checksum
        self._checked = checksum.hasher() if checksum else None
        # Of the whole object, if this writer sees all of it.
        self._sha256 = hashlib.sha256() if upload.offset_bytes == 0 else None
        self._part = _PartBuffer()
        self._spare = _PartBuffer()
        self._is_looked_at = bool(upload.parts)
        self._stored_bytes = upload.offset_bytes - upload.tail_bytes
        self._unrecorded: list[Part] = []
        # For the parts to come: a part need not wait for the record of the one before it, which brings the next number.
        self._numbers: deque[int] = deque()
        self._storing: asyncio.Task[None] | None = None
        self._recording: asyncio.Task[None] | None = None
        self._is_stopped = False
        # How far the upload will be when everything that was written is safe.
        self.offset_bytes = upload.offset_bytes

    @property
    def upload_id(self) -> UUID:
        return self._upload.id

    @property
    def is_checked(self) -> bool:
        """The checksum is still to be compared, so nothing counts yet."""
        return self._checked is not None

    async def resume(self) -> None:
        """Read back what waits for its part to fill."""
        if self._upload.tail_key is not None:
            self._part.add(await self._store.read(self._upload.tail_key, 0, self._upload.tail_bytes))
            if self._part.size_bytes != self._upload.tail_bytes:
                raise RetryLater(STORE_AGAIN_AFTER_S[0], "the tail of an upload could not be read")

    async def write(self, data: bytes) -> None:
        if self._checked is not None:
            self._checked.update(data)
        self.offset_bytes += len(data)
        rest = memoryview(data)
        while rest:
            rest = self._part.add(rest)
            if not self._is_looked_at and self._part.size_bytes >= HEAD_BYTES:
                self._look()
            if self._part.size_bytes == PART_BYTES:
                await self._store_in_background()

    def verify(self) -> None:
        """Raises: Problem: 460 `checksum_mismatch`; then nothing that was written counts."""
        if self._checked is not None and self._checksum is not None and self._checked.digest() != self._checksum.digest:
            detail = "The bytes that arrived are not those that the checksum was made of. Send them again."
            raise Problem(460, "checksum_mismatch", detail)
        self._checked = None

    async def save_tail(self) -> Upload:
        """Make everything that was written safe, though more must come."""
        await self._safe()
        if self.offset_bytes == self._upload.offset_bytes:
            return self._upload
        tail_key = f"{self._upload.object_key}.tail.{uuid4()}" if self._part.size_bytes else None
        if tail_key:
            await self._store.put(tail_key, bytes(self._part.filled))
        try:
            await self._record(tail_key)
        except Overtaken:
            await self._drop(tail_key)
            raise
        return self._upload

    async def finish(self) -> tuple[Upload, bytes | None]:
        """Make the last bytes a part. The SHA-256 of the whole object, if this writer saw all of it."""
        if not self._is_looked_at:
            self._look()
        if self._part.size_bytes:
            await self._store_in_background()
        await self._safe()
        if self._unrecorded:
            await self._record(None)
        if self._sha256 is None:
            await self._drop_tails()
        return self._upload, self._sha256.digest() if self._sha256 else None

    async def stop(self) -> None:
        """Wait for what is on its way: cut off, it could leave something that no row leads to."""
        self._is_stopped = True
        with suppress(Exception):  # who writes has heard of it, or will not
            await self._stored()
        with suppress(Exception):
            await self._recorded()

    def _look(self) -> None:
        refuse_other_than_media(bytes(self._part.filled[:HEAD_BYTES]))
        self._is_looked_at = True

    async def _store_in_background(self) -> None:
        await self._stored()
        full, self._part = self._part, self._spare
        self._spare = full
        self._part.size_bytes = 0
        self._storing = asyncio.create_task(self._store_part(full.filled))

    async def _stored(self) -> None:
        """Who waits may be cancelled, but never the part: what comes after it counts as if it were safe."""
        if self._storing is not None:
            await asyncio.shield(self._storing)
            self._storing = None

    async def _recorded(self) -> None:
        if self._recording is not None:
            await asyncio.shield(self._recording)
            self._recording = None

    async def _safe(self) -> None:
        await self._stored()
        await self._recorded()

    async def _store_part(self, block: memoryview) -> None:
        multipart_id = self._upload.multipart_id or await self._begin()
        if not self._numbers:
            await self._record_nothing()
            await self._record_nothing()
        hashing = asyncio.to_thread(self._sha256.update, block) if self._sha256 else asyncio.sleep(0)
        part, _ = await asyncio.gather(self._put(multipart_id, block), hashing)
        await self._recorded()
        self._unrecorded.append(part)
        self._stored_bytes += part.size_bytes
        self._recording = asyncio.create_task(self._record(None) if self._checked is None else self._record_nothing())

    async def _begin(self) -> str:
        key = self._upload.object_key
        multipart_id = await self._store.begin_multipart(key, self._upload.media_type)
        try:
            await self._uploads.set_multipart(self._upload, multipart_id)
        except Overtaken:
            await self._store.abort_multipart(key, multipart_id)
            raise
        self._upload = replace(self._upload, multipart_id=multipart_id)
        return multipart_id

    async def _put(self, multipart_id: str, block: memoryview) -> Part:
        number = self._numbers.popleft()
        if number > MOST_PARTS:
            detail = (
                "This upload was interrupted too often, and has used up the parts that it can have. Start a new one."
            )
            raise Problem(409, "too_many_parts", detail)
        for again_after_s in (*STORE_AGAIN_AFTER_S, None):
            try:
                with telemetry.span("store part", number=number, size_bytes=len(block)), PART_SECONDS.time():
                    return await self._store.put_part(self._upload.object_key, multipart_id, number, block)
            except RetryLater:
                if again_after_s is None or self._is_stopped:
                    raise
                log.warning("a part could not be stored, trying again", upload=str(self._upload.id), part=number)
                await asyncio.sleep(again_after_s)
        raise AssertionError

    async def _record(self, tail_key: str | None) -> None:
        """Keep all that is stored; the rest is in `tail_key`. Its old tail is of no use any more."""
        tail_bytes = self._part.size_bytes if tail_key else 0
        old_key = self._upload.tail_key
        await self._advance(Advance(self._unrecorded, self._stored_bytes + tail_bytes, tail_key, tail_bytes))
        self._unrecorded = []
        await self._drop(old_key)

    async def _record_nothing(self) -> None:
        """Only get a number for the next part."""
        row = self._upload
        await self._advance(Advance((), row.offset_bytes, row.tail_key, row.tail_bytes))

    async def _advance(self, step: Advance) -> None:
        self._numbers.append(await self._uploads.advance(self._upload, step, self._keep_for_s))
        self._upload = replace(
            self._upload,
            parts=(*self._upload.parts, *step.parts),
            offset_bytes=step.offset_bytes,
            tail_key=step.tail_key,
            tail_bytes=step.tail_bytes,
        )

    async def _drop_tails(self) -> None:
        """Also those that a writer before this one stored and died before it could record them."""
        with suppress(RetryLater, ObjectMissing):
            await self._store.delete_under(f"{self._upload.object_key}.tail.")

    async def _drop(self, tail_key: str | None) -> None:
        """Whatever cannot be deleted now goes with the upload."""
        if tail_key is not None:
            with suppress(RetryLater, ObjectMissing):
                await self._store.delete(tail_key)


class _PartBuffer:
    """Room for one part, used again and again; pages that the system gives when they are filled, and takes back for sure."""

    def __init__(self) -> None:
        self._room = memoryview(mmap.mmap(-1, PART_BYTES))
        self.size_bytes = 0

    @property
    def filled(self) -> memoryview:
        return self._room[: self.size_bytes]

    def add(self, data: bytes | memoryview) -> memoryview:
        """Take as much as there is room for; what is left is returned."""
        fits = memoryview(data)[: PART_BYTES - self.size_bytes]
        self._room[self.size_bytes : self.size_bytes + len(fits)] = fits
        self.size_bytes += len(fits)
        return memoryview(data)[len(fits) :]
