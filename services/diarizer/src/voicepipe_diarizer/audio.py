"""The PCM of one recording as samples in a file, so that they need not fit into memory."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import numpy as np
from voicepipe_wire.storage.objects import ObjectStore

SAMPLE_BYTES = 2
BLOCK_BYTES = 4 << 20


@asynccontextmanager
async def samples_of(store: ObjectStore, key: str, scratch_dir: Path) -> AsyncIterator[IO[bytes]]:
    """float32 samples in [-1, 1), in a file to be mapped.

    So pages can be evicted from memory. The file has no name, so a killed process leaves none.

    Raises:
        ObjectMissing, RetryLater: as the store does.
    """
    size_bytes = await store.size_bytes(key)
    with tempfile.TemporaryFile(dir=scratch_dir) as file:
        for start in range(0, size_bytes, BLOCK_BYTES):
            block = await store.read(key, start, min(start + BLOCK_BYTES, size_bytes))
            await asyncio.to_thread(file.write, _samples(block))
        file.flush()
        yield file


def _samples(block: bytes) -> bytes:
    return (np.frombuffer(block, "<i2").astype(np.float32) / 32768).tobytes()
