"""Writes the bytes of one request as parts of an S3 object, in constant memory.

Two parts are stored and hashed while the next one fills. Each part is recorded in `uploads` once it is stored.

Invariants:

- The recorded offset counts stored bytes only, and has no holes. `_store_part` awaits the part before it, so parts are
  recorded in order and one at a time, and a part that fails takes all later parts with it.
- A part number is used once. `Uploads.advance` reserves numbers in the statement that checks the writer, so a late
  write by a superseded writer cannot replace a recorded part. Numbers ascend with the parts, as S3 requires.
- A buffer is not refilled while its part is in flight: `_store_in_background` waits before it moves on to the next of
  `MAX_PARTS_IN_FLIGHT + 1` buffers.
- No row names a deleted tail: `_record` deletes the old tail after the row names the new one.

A crash costs the parts in flight and the buffer; the client sends them again. It can leave behind:

- a multipart upload that no row names (killed inside `_create_multipart`): the controller removes it after a day;
- stored parts that are not recorded: `complete_multipart` lists the recorded ones, and the store drops the others;
- a tail that no row names (killed before or after `_record`): `finish` deletes all tails if it continued an earlier
  request, and whatever remains is removed with the expired upload.

A takeover (`Uploads.claim` by another request, on any replica) makes every later statement of this writer raise
Superseded. The writer then deletes only what it created and no row names: a tail (`save_tail`) or a multipart upload
(`_create_multipart`).

A cancelled request never cancels a part, because the bytes after it count as safe: `_wait_for_parts` shields it and
`stop` awaits it. Bytes that a cancelled `write` had not copied yet do not count: the recorded offset comes from
`_stored_bytes` and the buffer, not from `offset_bytes`.

With a checksum, parts are stored but not recorded before `verify`. After a mismatch they stay unrecorded.
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
from voicepipe_wire.errors import Dependency, Problem, Unavailable
from voicepipe_wire.storage.objects import PART_BYTES, ObjectMissing, ObjectStore, Part

from voicepipe_upload.checksum import Checksum
from voicepipe_upload.metrics import PART_SECONDS
from voicepipe_upload.sniff import HEAD_BYTES, reject_non_media

from .uploads import Advance, Superseded, Upload, Uploads

log = structlog.get_logger(__name__)

# Per upload. Two keep the object store busy; more than two gained nothing.
MAX_PARTS_IN_FLIGHT = 2
# The highest part number in S3.
MAX_PARTS = 10_000
# The part is still in memory, so a short outage of the object store need not break the upload.
STORE_RETRY_DELAYS_S = (0.5, 1.0, 2.0)


class PartWriter:
    """The writer of one upload, starting at its recorded offset. With a checksum, nothing is recorded before `verify`.

    Every method that stores or records may raise.

    Raises:
        Superseded: another writer took over, or the upload was terminated.
        Unavailable: the object store is unavailable.
        Problem: 415 `not_audio`, as soon as the first bytes show it; 409 `too_many_parts`.
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
        # The hash of the whole object; None if an earlier request wrote some of it.
        self._sha256 = hashlib.sha256() if upload.offset_bytes == 0 else None
        self._hashing = asyncio.Lock()
        self._buffers = cycle([_PartBuffer() for _ in range(MAX_PARTS_IN_FLIGHT + 1)])
        self._part = next(self._buffers)
        self._is_sniffed = bool(upload.parts)
        self._stored_bytes = upload.offset_bytes - upload.tail_bytes
        self._unrecorded: list[Part] = []
        # Reserved part numbers. Recording a part reserves one more.
        self._numbers: deque[int] = deque()
        self._multipart: asyncio.Task[str] | None = None
        self._storing: deque[asyncio.Task[None]] = deque()
        self._is_stopped = False
        # The offset once everything written so far is recorded.
        self.offset_bytes = upload.offset_bytes

    @property
    def upload_id(self) -> UUID:
        return self._upload.id

    @property
    def awaits_checksum(self) -> bool:
        """Whether the checksum has not been compared yet, so that nothing is recorded."""
        return self._hasher is not None

    async def resume(self) -> None:
        """Read the tail back into the buffer.

        Raises:
            Unavailable: the tail cannot be read, or not all of it.
        """
        if self._upload.tail_key is not None:
            self._part.add(await self._store.read(self._upload.tail_key, 0, self._upload.tail_bytes))
            if self._part.size_bytes != self._upload.tail_bytes:
                raise Unavailable(Dependency.OBJECT_STORE, "the tail of an upload could not be read")

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
        """Compare the checksum, if there is one.

        Raises:
            Problem: 460 `checksum_mismatch`; nothing written by this request is recorded.
        """
        if self._hasher is not None and self._checksum is not None and self._hasher.digest() != self._checksum.digest:
            raise Problem.of("checksum_mismatch")
        self._hasher = None

    async def save_tail(self) -> Upload:
        """Record everything written so far, although more must follow."""
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
        """Store the last bytes as a part.

        Returns the SHA-256 of the whole object, or None if an earlier request wrote some of it.
        """
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
        """Wait for the parts in flight: cancelled halfway, they could leave objects that no row names."""
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
        """Wait for the parts in flight, except the newest `newest_excluded`.

        The caller may be cancelled, a part never: the bytes after it count as if it were stored.
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
        """Update the hash. The lock is fair and the parts reach it in order."""
        async with self._hashing:
            if self._sha256 is not None:
                await asyncio.to_thread(self._sha256.update, block)

    async def _start_multipart(self) -> str:
        """Return the id of the multipart upload, and reserve a number for each part in flight."""
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
            except Unavailable:
                if retry_delay_s is None or self._is_stopped:
                    raise
                log.warning("part not stored, trying again", upload=str(self._upload.id), part=number)
                await asyncio.sleep(retry_delay_s)
        raise AssertionError

    async def _record(self, tail_key: str | None, *, numbers: int = 0) -> None:
        """Record all stored parts and the tail, then delete the old tail."""
        tail_bytes = self._part.size_bytes if tail_key else 0
        old_key = self._upload.tail_key
        advance = Advance(self._unrecorded, self._stored_bytes + tail_bytes, tail_key, tail_bytes)
        await self._advance(advance, numbers)
        self._unrecorded = []
        await self._delete_tail(old_key)

    async def _reserve_numbers(self, *, numbers: int) -> None:
        """Reserve part numbers and change nothing else."""
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
        """Delete every tail, including those of a writer that died before it recorded them."""
        with suppress(Unavailable, ObjectMissing):
            await self._store.delete_under(f"{self._upload.object_key}.tail.")

    async def _delete_tail(self, tail_key: str | None) -> None:
        """Delete a tail. One that cannot be deleted now is removed with the upload."""
        if tail_key is not None:
            with suppress(Unavailable, ObjectMissing):
                await self._store.delete(tail_key)


class _PartBuffer:
    """A reusable buffer for one part, as an anonymous mapping: pages are allocated as they fill, and always freed."""

    def __init__(self) -> None:
        self._memory = memoryview(mmap.mmap(-1, PART_BYTES))
        self.size_bytes = 0

    @property
    def filled(self) -> memoryview:
        return self._memory[: self.size_bytes]

    def add(self, data: bytes | memoryview) -> memoryview:
        """Copy as much as fits; returns the remainder."""
        fits = memoryview(data)[: PART_BYTES - self.size_bytes]
        self._memory[self.size_bytes : self.size_bytes + len(fits)] = fits
        self.size_bytes += len(fits)
        return memoryview(data)[len(fits) :]
