"""The format in which decoded audio is stored and recognized (16 kHz, mono, signed 16 bits, little endian), and where it lies."""

from __future__ import annotations

from typing import Final
from uuid import UUID

SAMPLE_RATE: Final = 16_000
SAMPLE_BYTES: Final = 2


def pcm_prefix(owner_id: UUID, job_id: UUID) -> str:
    """The prefix of all objects with decoded audio of a job."""
    return f"pcm/{owner_id}/{job_id}"
