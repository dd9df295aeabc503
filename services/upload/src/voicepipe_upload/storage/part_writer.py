"""Writes the bytes of one request as parts of an S3 object, in constant memory.

Two parts are stored and hashed while the next one fills. Each part is recorded in `uploads` once it is stored.

Invariants:

- The recorded offset counts stored bytes only, and has no holes. `_store_part` awaits the part before it, so parts are
  recorded in order and one at a time, and a part that fails takes all later parts with it.
- A part number is used once. `Uploads.take_part_number` checks the writer, so a late write by a superseded writer cannot
  replace a recorded part. A number is taken when its part is full, one part after the other, so numbers ascend with the
  parts, as S3 requires, and requests too small for a part use none.
- A buffer is not refilled while its part is in flight: `_store_in_background` waits before it moves on to the next of
  `MAX_PARTS_IN_FLIGHT + 1` buffers.
- No row names a deleted tail: `_record` deletes what was merged after the row names the new tail.
- The first buffer begins with the tails of earlier requests (`_front`), which are read only when they are needed: to make
  a part, to merge them, or for the first look at the content. The first `_unread` of them are not in the buffer yet.

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
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from uuid import UUID, uuid4

import structlog
from voicepipe_wire import aio, telemetry
from voicepipe_wire.errors import Dependency, Problem, Unavailable
from voicepipe_wire.storage.objects import PART_BYTES, ObjectMissing, ObjectStore, Part

from voicepipe_upload.checksum import Checksum
from voicepipe_upload.media_type import confirmed_type
from voicepipe_upload.metrics import PART_SECONDS
from voicepipe_upload.sniff import HEAD_BYTES

from .tails import Tail, kept
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
        Problem: 415 `not_audio` or `unsupported_media_type`, as soon as the first bytes show it; 409 `too_many_parts`.
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
        self._part.size_bytes = upload.tail_bytes
        self._front = upload.tails
        self._unread = len(upload.tails)
        # Earlier requests have looked at the first bytes as soon as there were enough.
        self._is_sniffed = bool(upload.parts) or upload.tail_bytes >= HEAD_BYTES
        self._stored_bytes = upload.offset_bytes - upload.tail_bytes
        self._unrecorded: list[Part] = []
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

    async def write(self, data: bytes) -> None:
        if self._hasher is not None:
            self._hasher.update(data)
        self.offset_bytes += len(data)
        rest = memoryview(data)
        while rest:
            rest = self._part.add(rest)
            if not self._is_sniffed and self._part.size_bytes >= HEAD_BYTES:
                await self._sniff()
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
        tails = await self._put_tail() if self._part.size_bytes > _size_bytes(self._front) else self._front
        try:
            await self._record(tails)
        except Superseded:
            await self._delete(set(tails) - set(self._front))
            raise
        self._front = tails
        return self._upload

    async def _put_tail(self) -> tuple[Tail, ...]:
        """Store what this request has added to the buffer, merged with some of the tails before it. Returns all tails."""
        new_bytes = self._part.size_bytes - _size_bytes(self._front)
        staying = self._front[: kept([tail.size_bytes for tail in self._front], new_bytes)]
        await self._read_tails(len(staying))
        block = self._part.filled[_size_bytes(staying) :]
        tail = Tail(f"{self._upload.object_key}.tail.{uuid4()}", len(block))
        await self._store.put(tail.key, bytes(block))
        return (*staying, tail)

    async def finish(self) -> tuple[Upload, bytes | None]:
        """Store the last bytes as a part.

        Returns the SHA-256 of the whole object, or None if an earlier request wrote some of it.
        """
        if not self._is_sniffed:
            await self._sniff()
        if self._part.size_bytes:
            await self._store_in_background()
        await self._wait_for_parts()
        if self._unrecorded:
            await self._record(())
        if self._sha256 is None:
            await self._delete_all_tails()
        return self._upload, self._sha256.digest() if self._sha256 else None

    async def stop(self) -> None:
        """Wait for the parts in flight: cancelled halfway, they could leave objects that no row names."""
        self._is_stopped = True
        await aio.finish(asyncio.gather(*self._storing, return_exceptions=True))

    async def _sniff(self) -> None:
        await self._read_tails()
        media_type = confirmed_type(bytes(self._part.filled[:HEAD_BYTES]), self._upload.media_type)
        if media_type != self._upload.media_type:
            await self._uploads.set_media_type(self._upload, media_type)
            self._upload = replace(self._upload, media_type=media_type)
        self._is_sniffed = True

    async def _store_in_background(self) -> None:
        await self._read_tails()
        await self._wait_for_parts(newest_excluded=MAX_PARTS_IN_FLIGHT - 1)
        number = await self._uploads.take_part_number(self._upload)
        if number > MAX_PARTS:
            raise Problem.of("too_many_parts")
        if self._multipart is None:
            self._multipart = asyncio.create_task(self._multipart_id())
        previous = self._storing[-1] if self._storing else None
        storing = self._store_part(number, self._part.filled, self._multipart, previous)
        self._storing.append(asyncio.create_task(storing))
        self._part = next(self._buffers)
        self._part.size_bytes = 0
        self._front, self._unread = (), 0

    async def _wait_for_parts(self, newest_excluded: int = 0) -> None:
        """Wait for the parts in flight, except the newest `newest_excluded`.

        The caller may be cancelled, a part never: the bytes after it count as if it were stored.
        """
        while len(self._storing) > newest_excluded:
            await asyncio.shield(self._storing[0])
            self._storing.popleft()

    async def _store_part(
        self, number: int, block: memoryview, multipart: asyncio.Task[str], previous: asyncio.Task[None] | None
    ) -> None:
        part, _ = await asyncio.gather(self._put(number, multipart, block), self._hash(block))
        if previous is not None:
            await previous
        self._unrecorded.append(part)
        self._stored_bytes += part.size_bytes
        if self._hasher is None:
            await self._record(())

    async def _hash(self, block: memoryview) -> None:
        """Update the hash. The lock is fair and the parts reach it in order."""
        async with self._hashing:
            if self._sha256 is not None:
                await asyncio.to_thread(self._sha256.update, block)

    async def _multipart_id(self) -> str:
        return self._upload.multipart_id or await self._create_multipart()

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

    async def _put(self, number: int, multipart: asyncio.Task[str], block: memoryview) -> Part:
        multipart_id = await multipart
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

    async def _record(self, tails: tuple[Tail, ...]) -> None:
        """Record all stored parts and the tails, then delete the tails that are no longer named."""
        before = self._upload.tails
        advance = Advance(self._unrecorded, self._stored_bytes + _size_bytes(tails), tails)
        await self._uploads.advance(self._upload, advance, self._keep_for_s)
        self._unrecorded = []
        self._upload = replace(
            self._upload,
            parts=(*self._upload.parts, *advance.parts),
            offset_bytes=advance.offset_bytes,
            tails=tails,
            tail_bytes=advance.tail_bytes,
        )
        await self._delete(set(before) - set(tails))

    async def _read_tails(self, first: int = 0) -> None:
        """Read the tails from number `first` on into their places in the buffer, unless they are there.

        Raises:
            Unavailable: a tail cannot be read, or not all of it.
        """
        while self._unread > first:
            tail, start = self._front[self._unread - 1], _size_bytes(self._front[: self._unread - 1])
            block = await self._store.read(tail.key, 0, tail.size_bytes)
            if len(block) != tail.size_bytes:
                raise Unavailable(Dependency.OBJECT_STORE, "the tail of an upload could not be read")
            self._part.fill(start, block)
            self._unread -= 1

    async def _delete_all_tails(self) -> None:
        """Delete every tail, including those of a writer that died before it recorded them."""
        with suppress(Unavailable, ObjectMissing):
            await self._store.delete_under(f"{self._upload.object_key}.tail.")

    async def _delete(self, tails: Iterable[Tail]) -> None:
        """Delete tails. One that cannot be deleted now is removed with the upload."""
        with suppress(Unavailable, ObjectMissing):
            await self._store.delete(*(tail.key for tail in tails))


def _size_bytes(tails: Iterable[Tail]) -> int:
    return sum(tail.size_bytes for tail in tails)


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

    def fill(self, start: int, data: bytes) -> None:
        """Write into the part, before its end."""
        self._memory[start : start + len(data)] = data
