"""The format in which decoded audio is stored and recognized: 16 kHz, mono, signed 16 bits, little endian."""

from __future__ import annotations

from typing import Final

SAMPLE_RATE: Final = 16_000
SAMPLE_BYTES: Final = 2
