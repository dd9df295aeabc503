"""The PCM of one recording as samples in a mapped file, so that they need not fit into memory."""

from __future__ import annotations

import asyncio
import mmap
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import torch
from voicepipe_wire.storage.objects import ObjectStore

SAMPLE_BYTES = 2
BLOCK_BYTES = 4 << 20


@asynccontextmanager
async def waveform(store: ObjectStore, key: str, scratch_dir: Path) -> AsyncIterator[torch.Tensor]:
    """float32 [1, samples] in [-1, 1), mapped from an unnamed file.

    So pages can be evicted from memory, and a killed process leaves no file.

    Raises:
        ObjectMissing, RetryLater: as the store does.
    """
    size_bytes = await store.size_bytes(key)
    with tempfile.TemporaryFile(dir=scratch_dir) as file:
        for start in range(0, size_bytes, BLOCK_BYTES):
            block = await store.read(key, start, min(start + BLOCK_BYTES, size_bytes))
            await asyncio.to_thread(file.write, _samples(block))
        file.flush()
        yield torch.frombuffer(mmap.mmap(file.fileno(), 0), dtype=torch.float32)[None]


def _samples(block: bytes) -> bytes:
    return (np.frombuffer(block, "<i2").astype(np.float32) / 32768).tobytes()
