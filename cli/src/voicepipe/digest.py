"""The SHA-256 of a recording that is read in pieces, some of them more than once."""

from __future__ import annotations

import hashlib


class Digest:
    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._position = 0

    def add(self, offset_bytes: int, block: bytes) -> None:
        """Add what is new in a block. A block that begins after a gap adds nothing, so the hash never becomes complete."""
        known = self._position - offset_bytes
        if 0 <= known < len(block):
            self._sha256.update(memoryview(block)[known:])
            self._position += len(block) - known

    def of(self, size_bytes: int) -> bytes | None:
        """The hash of the whole recording; None unless every byte of it has been added."""
        return self._sha256.digest() if self._position == size_bytes else None
