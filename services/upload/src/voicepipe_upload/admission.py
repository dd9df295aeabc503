"""Limits the number of concurrent uploads and their size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from voicepipe_wire.errors import Problem

from .metrics import RECEIVING

BUSY_RETRY_AFTER_S = 5


class Admission:
    """Bounds the requests whose bytes are in memory, so that many of them cannot exhaust it."""

    def __init__(self, max_concurrent: int, max_bytes: int) -> None:
        self._max_concurrent = max_concurrent
        self._max_bytes = max_bytes
        self._active = 0

    @property
    def max_bytes(self) -> int:
        return self._max_bytes

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the slots.

        Raises:
            Problem: 503 `busy`.
        """
        self.check_free()
        self._active += 1
        RECEIVING.inc()
        try:
            yield
        finally:
            self._active -= 1
            RECEIVING.dec()

    def check_free(self) -> None:
        """Reject a request that would find no slot, before anything is stored for it.

        Raises:
            Problem: 503 `busy`.
        """
        if self._active >= self._max_concurrent:
            raise Problem.of("busy", retry_after_s=BUSY_RETRY_AFTER_S)

    def check_size(self, size_bytes: int | None) -> None:
        """Check a size; None is unknown and passes.

        Raises:
            Problem: 413 `too_large`.
        """
        if size_bytes is not None and size_bytes > self._max_bytes:
            limit = f"{self._max_bytes / 1024**3:.3g} GiB" if self._max_bytes >= 1024**3 else f"{self._max_bytes} bytes"
            raise Problem.of("too_large", limit=limit)
