"""Bytes of one request become parts of an object, in constant memory.

While two parts are stored and hashed, the next one fills; there are never more. They are recorded in their order, and what is
recorded in `uploads` is safe: a crash costs at most the parts that were on their way.
"""

from __future__ import annotations

import asyncio
import hashlib
import mmap
from collections import deque
from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from uuid import UUID, uuid4

import structlog
from voicepipe_wire import aio, telemetry
from voicepipe_wire.errors import Problem, RetryLater
from voicepipe_wire.storage.objects import PART_BYTES, ObjectMissing, ObjectStore, Part

from voicepipe_upload.checksum import Checksum
from voicepipe_upload.metrics import PART_SECONDS
from voicepipe_upload.sniff import HEAD_BYTES, reject_non_media

from .uploads import Advance, Superseded, Upload, Uploads

log = structlog.get_logger(__name__)

# Of one upload: a store that works on one part has time for another, but more than two gained nothing.
MAX_PARTS_IN_FLIGHT = 2
# S3 numbers parts up to here.
MAX_PARTS = 10_000
# A part is in memory, so a short absence of the object store need not break the upload.
STORE_RETRY_DELAYS_S = (0.5, 1.0, 2.0)


class PartWriter:
    """The writer of one upload, from the offset where it stands.

    Every method raises Superseded when another writer took over, RetryLater while the object store is away, and Problem
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
        self._hasher = checksum.hasher() if checksum else None
        # Of the whole object, if this writer sees all of it.
        self._sha256 = hashlib.sha256() if upload.offset_bytes == 0 else None
        self._hashing = asyncio.Lock()
        self._buffers = cycle([_PartBuffer() for _ in range(MAX_PARTS_IN_FLIGHT + 1)])
        self._part = next(self._buffers)
        self._is_sniffed = bool(upload.parts)
        self._stored_bytes = upload.offset_bytes - upload.tail_bytes
        self._unrecorded: list[Part] = []
        # For the parts to come: the record of each part brings one more.
        self._numbers: deque[int] = deque()
        self._multipart: asyncio.Task[str] | None = None
        self._storing: deque[asyncio.Task[None]] = deque()
        self._is_stopped = False
        # How far the upload will be when everything that was written is safe.
        self.offset_bytes = upload.offset_bytes

    @property
    def upload_id(self) -> UUID:
        return self._upload.id

    @property
    def awaits_checksum(self) -> bool:
        """The checksum is still to be compared, so nothing counts yet."""
        return self._hasher is not None

    async def resume(self) -> None:
        """Read back what waits for its part to fill."""
        if self._upload.tail_key is not None:
            self._part.add(await self._store.read(self._upload.tail_key, 0, self._upload.tail_bytes))
            if self._part.size_bytes != self._upload.tail_bytes:
                raise RetryLater(STORE_RETRY_DELAYS_S[0], "the tail of an upload could not be read")

    async def write(self, data: bytes) -> None:
        if self._hasher is not None:
            self._hasher.update(data)
        self.offset_bytes += len(data)
        rest = memoryview(data)
        while rest:
            rest = self._part.add(rest)
            if not self._is_sniffed and self._part.size_bytes >= HEAD_BYTES:
                self._sniff()
            if self._part.size_bytes == PART_BYTES:
                await self._store_in_background()

    def verify(self) -> None:
        """Raises: Problem: 460 `checksum_mismatch`; then nothing that was written counts."""
        if self._hasher is not None and self._checksum is not None and self._hasher.digest() != self._checksum.digest:
            raise Problem.of("checksum_mismatch")
        self._hasher = None

    async def save_tail(self) -> Upload:
        """Make everything that was written safe, though more must come."""
        await self._wait_for_parts()
        if self.offset_bytes == self._upload.offset_bytes:
            return self._upload
        tail_key = f"{self._upload.object_key}.tail.{uuid4()}" if self._part.size_bytes else None
        if tail_key:
            await self._store.put(tail_key, bytes(self._part.filled))
        try:
            await self._record(tail_key)
        except Superseded:
            await self._delete_tail(tail_key)
            raise
        return self._upload

    async def finish(self) -> tuple[Upload, bytes | None]:
        """Make the last bytes a part. The SHA-256 of the whole object, if this writer saw all of it."""
        if not self._is_sniffed:
            self._sniff()
        if self._part.size_bytes:
            await self._store_in_background()
        await self._wait_for_parts()
        if self._unrecorded:
            await self._record(None)
        if self._sha256 is None:
            await self._delete_all_tails()
        return self._upload, self._sha256.digest() if self._sha256 else None

    async def stop(self) -> None:
        """Wait for what is on its way: cut off, it could leave something that no row leads to."""
        self._is_stopped = True
        await aio.finish(asyncio.gather(*self._storing, return_exceptions=True))

    def _sniff(self) -> None:
        reject_non_media(bytes(self._part.filled[:HEAD_BYTES]))
        self._is_sniffed = True

    async def _store_in_background(self) -> None:
        await self._wait_for_parts(newest_excluded=MAX_PARTS_IN_FLIGHT - 1)
        if self._multipart is None:
            self._multipart = asyncio.create_task(self._start_multipart())
        previous = self._storing[-1] if self._storing else None
        self._storing.append(asyncio.create_task(self._store_part(self._part.filled, self._multipart, previous)))
        self._part = next(self._buffers)
        self._part.size_bytes = 0

    async def _wait_for_parts(self, newest_excluded: int = 0) -> None:
        """Wait for the parts on their way, but for the newest `newest_excluded`.

        Who waits may be cancelled, but never a part: what comes after it counts as if it were safe.
        """
        while len(self._storing) > newest_excluded:
            await asyncio.shield(self._storing[0])
            self._storing.popleft()

    async def _store_part(
        self, block: memoryview, multipart: asyncio.Task[str], previous: asyncio.Task[None] | None
    ) -> None:
        part, _ = await asyncio.gather(self._put(multipart, block), self._hash(block))
        if previous is not None:
            await previous
        self._unrecorded.append(part)
        self._stored_bytes += part.size_bytes
        await (self._record(None, numbers=1) if self._hasher is None else self._reserve_numbers(numbers=1))

    async def _hash(self, block: memoryview) -> None:
        """The lock is fair, and the parts come to it in their order."""
        async with self._hashing:
            if self._sha256 is not None:
                await asyncio.to_thread(self._sha256.update, block)

    async def _start_multipart(self) -> str:
        """The multipart upload; and numbers for as many parts as are stored at once."""
        multipart_id = self._upload.multipart_id or await self._create_multipart()
        await self._reserve_numbers(numbers=MAX_PARTS_IN_FLIGHT)
        return multipart_id

    async def _create_multipart(self) -> str:
        key = self._upload.object_key
        multipart_id = await self._store.begin_multipart(key, self._upload.media_type)
        try:
            await self._uploads.set_multipart(self._upload, multipart_id)
        except Superseded:
            await self._store.abort_multipart(key, multipart_id)
            raise
        self._upload = replace(self._upload, multipart_id=multipart_id)
        return multipart_id

    async def _put(self, multipart: asyncio.Task[str], block: memoryview) -> Part:
        multipart_id = await multipart
        number = self._numbers.popleft()
        if number > MAX_PARTS:
            raise Problem.of("too_many_parts")
        for retry_delay_s in (*STORE_RETRY_DELAYS_S, None):
            try:
                with telemetry.span("store part", number=number, size_bytes=len(block)), PART_SECONDS.time():
                    return await self._store.put_part(self._upload.object_key, multipart_id, number, block)
            except RetryLater:
                if retry_delay_s is None or self._is_stopped:
                    raise
                log.warning("a part could not be stored, trying again", upload=str(self._upload.id), part=number)
                await asyncio.sleep(retry_delay_s)
        raise AssertionError

    async def _record(self, tail_key: str | None, *, numbers: int = 0) -> None:
        """Keep all that is stored; the rest is in `tail_key`. Its old tail is of no use any more."""
        tail_bytes = self._part.size_bytes if tail_key else 0
        old_key = self._upload.tail_key
        advance = Advance(self._unrecorded, self._stored_bytes + tail_bytes, tail_key, tail_bytes)
        await self._advance(advance, numbers)
        self._unrecorded = []
        await self._delete_tail(old_key)

    async def _reserve_numbers(self, *, numbers: int) -> None:
        """Only get numbers for parts to come."""
        row = self._upload
        await self._advance(Advance((), row.offset_bytes, row.tail_key, row.tail_bytes), numbers)

    async def _advance(self, advance: Advance, numbers: int) -> None:
        self._numbers.extend(await self._uploads.advance(self._upload, advance, self._keep_for_s, numbers))
        self._upload = replace(
            self._upload,
            parts=(*self._upload.parts, *advance.parts),
            offset_bytes=advance.offset_bytes,
            tail_key=advance.tail_key,
            tail_bytes=advance.tail_bytes,
        )

    async def _delete_all_tails(self) -> None:
        """Also those that a writer before this one stored and died before it could record them."""
        with suppress(RetryLater, ObjectMissing):
            await self._store.delete_under(f"{self._upload.object_key}.tail.")

    async def _delete_tail(self, tail_key: str | None) -> None:
        """Whatever cannot be deleted now goes with the upload."""
        if tail_key is not None:
            with suppress(RetryLater, ObjectMissing):
                await self._store.delete(tail_key)


class _PartBuffer:
    """Room for one part, used again and again; pages that the system gives when they are filled, and takes back for sure."""

    def __init__(self) -> None:
        self._memory = memoryview(mmap.mmap(-1, PART_BYTES))
        self.size_bytes = 0

    @property
    def filled(self) -> memoryview:
        return self._memory[: self.size_bytes]

    def add(self, data: bytes | memoryview) -> memoryview:
        """Take as much as there is room for; what is left is returned."""
        fits = memoryview(data)[: PART_BYTES - self.size_bytes]
        self._memory[self.size_bytes : self.size_bytes + len(fits)] = fits
        self.size_bytes += len(fits)
        return memoryview(data)[len(fits) :]
