"""Limits the number of concurrent uploads, in total and for each owner, and their size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from voicepipe_wire.errors import Problem

from .metrics import RECEIVING

RETRY_AFTER_S = 5


class Admission:
    """Bounds the requests whose bytes are in memory, so that many of them cannot exhaust it.

    It also bounds those of each owner, so that no owner can keep the others out.
    """

    def __init__(self, max_concurrent: int, max_per_owner: int, max_bytes: int) -> None:
        self._max_concurrent = max_concurrent
        self._max_per_owner = max_per_owner
        self._max_bytes = max_bytes
        self._active = Counter[UUID]()

    @property
    def max_bytes(self) -> int:
        return self._max_bytes

    @contextmanager
    def slot(self, owner_id: UUID) -> Iterator[None]:
        """Hold one of the slots. To be taken before anything is stored for the request.

        Raises:
            Problem: 503 `busy`, 429 `too_many_uploads`.
        """
        if self._active.total() >= self._max_concurrent:
            raise Problem.of("busy", retry_after_s=RETRY_AFTER_S)
        if self._active[owner_id] >= self._max_per_owner:
            raise Problem.of("too_many_uploads", retry_after_s=RETRY_AFTER_S, limit=self._max_per_owner)
        self._active[owner_id] += 1
        RECEIVING.inc()
        try:
            yield
        finally:
            self._active[owner_id] -= 1
            if not self._active[owner_id]:
                del self._active[owner_id]
            RECEIVING.dec()

    def check_size(self, size_bytes: int | None) -> None:
        """Check a size; None is unknown and passes.

        Raises:
            Problem: 413 `too_large`.
        """
        if size_bytes is not None and size_bytes > self._max_bytes:
            limit = f"{self._max_bytes / 1024**3:.3g} GiB" if self._max_bytes >= 1024**3 else f"{self._max_bytes} bytes"
            raise Problem.of("too_large", limit=limit)
