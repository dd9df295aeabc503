"""The PCM of a job in the object store: where it lies, how spans of it are read, and when it is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import numpy as np
from voicepipe_wire.errors import Unavailable
from voicepipe_wire.jobs import jobs
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.transcript.pcm_format import pcm_prefix

from .domain import SAMPLE_BYTES, SAMPLE_RATE, Span
from .ports import Pcm

# Spans that are no further apart are read with one request: reading the silence in between costs less than another one.
MAX_GAP = 10 * SAMPLE_RATE


class ObjectStorePcm:
    """The `PcmReader` port on the object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def read(self, key: str, spans: Sequence[Span]) -> Pcm:
        parts = []
        for group in _group_near(spans):
            start, end = group[0].start, group[-1].end
            data = await self._store.read(key, start * SAMPLE_BYTES, end * SAMPLE_BYTES)
            block = np.frombuffer(data, "<i2")
            parts += [block[span.start - start : span.end - start] for span in group]
        return np.concatenate(parts)


async def delete_pcm(pool: Pool, store: ObjectStore, job_id: UUID) -> None:
    """Delete the PCM of a job that has ended. If the object store is unavailable, the controller does it later.

    The job stays locked meanwhile, so a retry finds either the PCM or a job without a `pcm_key`. The mark before that is for a process that
    dies between the objects and the row: a retry would rely on a key without an object.
    """
    await jobs.mark_pcm_unneeded(pool, job_id)
    async with pool.acquire() as connection, connection.transaction():
        owner_id = await jobs.lock_pcm_if_ended(connection, job_id)
        if owner_id:
            with suppress(Unavailable):
                # Also that of attempts that died before they could save its key.
                await store.delete_under(pcm_prefix(owner_id, job_id))
                await jobs.clear_pcm_key(connection, job_id)


def _group_near(spans: Sequence[Span]) -> list[list[Span]]:
    groups: list[list[Span]] = []
    for span in spans:
        if groups and span.start - groups[-1][-1].end <= MAX_GAP:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups
