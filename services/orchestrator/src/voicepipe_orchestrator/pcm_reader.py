"""The PCM of a recording in the object store, read by spans."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from voicepipe_wire.storage.objects import ObjectStore

from .domain import SAMPLE_BYTES, SAMPLE_RATE, Span
from .ports import Pcm

# Reading over a silence of that length costs less than another request.
READ_OVER = 10 * SAMPLE_RATE


class StoredAudio:
    """The `Audio` port on the object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def read(self, key: str, spans: Sequence[Span]) -> Pcm:
        parts = []
        for group in _near(spans):
            start, end = group[0].start, group[-1].end
            data = await self._store.read(key, start * SAMPLE_BYTES, end * SAMPLE_BYTES)
            block = np.frombuffer(data, "<i2")
            parts += [block[span.start - start : span.end - start] for span in group]
        return np.concatenate(parts)


def _near(spans: Sequence[Span]) -> list[list[Span]]:
    groups: list[list[Span]] = []
    for span in spans:
        if groups and span.start - groups[-1][-1].end <= READ_OVER:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups
