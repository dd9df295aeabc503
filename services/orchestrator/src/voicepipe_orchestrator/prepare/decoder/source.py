"""A file made of slices of an open descriptor and of bytes of our own, which FFmpeg reads like any other file."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

SCAN_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes [start, end) of the file."""

    start: int
    end: int

    @property
    def size_bytes(self) -> int:
        return max(0, self.end - self.start)


class File:
    """The uploaded file, by its open descriptor. Reading never moves the offset of the descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size_bytes = os.fstat(descriptor).st_size

    def read(self, start: int, size_bytes: int) -> bytes:
        """At most `size_bytes`, fewer at the end of the file, none outside it."""
        if not 0 <= start < self.size_bytes:
            return b""
        return os.pread(self._descriptor, max(0, min(size_bytes, self.size_bytes - start)), start)

    def end_of(self, whole: Slice) -> int:
        """Where its last byte that is not zero ends."""
        end = whole.end
        while end > whole.start:
            size_bytes = min(SCAN_BYTES, end - whole.start)
            if rest := self.read(end - size_bytes, size_bytes).rstrip(b"\0"):
                return end - size_bytes + len(rest)
            end -= size_bytes
        return end

    def blocks(self, start: int, overlap: int) -> Iterator[tuple[int, bytes]]:
        """The file from `start` on in blocks, with their places. Each block repeats the last `overlap` bytes of the one before."""
        while block := self.read(start, SCAN_BYTES + overlap):
            yield start, block
            start += SCAN_BYTES


class Source:
    """A seekable file object over `pieces`."""

    def __init__(self, file: File, pieces: Sequence[bytes | Slice]) -> None:
        self._file = file
        self._pieces = tuple(pieces)
        sizes = (len(piece) if isinstance(piece, bytes) else piece.size_bytes for piece in pieces)
        self._starts = list(accumulate(sizes, initial=0))
        self._at = 0

    @property
    def size_bytes(self) -> int:
        return self._starts[-1]

    def read(self, size_bytes: int = -1) -> bytes:
        """The next bytes: from one piece only, so possibly fewer than asked for; empty at the end."""
        if self._at >= self.size_bytes:
            return b""
        index = bisect_right(self._starts, self._at) - 1
        piece, offset = self._pieces[index], self._at - self._starts[index]
        wanted = self._starts[index + 1] - self._at
        if size_bytes >= 0:
            wanted = min(wanted, size_bytes)
        found = (
            piece[offset : offset + wanted]
            if isinstance(piece, bytes)
            else self._file.read(piece.start + offset, wanted)
        )
        self._at += len(found)
        return found

    def peek(self, start: int, size_bytes: int) -> bytes:
        """Bytes from `start` on, fewer at the end. The next read is the same as without it."""
        at, self._at, found = self._at, start, b""
        while len(found) < size_bytes and (more := self.read(size_bytes - len(found))):
            found += more
        self._at = at
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place, as in any file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at
