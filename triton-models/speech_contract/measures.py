"""Numbers about a text that every speech model reports alike."""

from __future__ import annotations

import zlib


def compression_ratio(text: str) -> float:
    """Bytes of the text over bytes of it compressed: a loop compresses well (openai-whisper's `utils.py`)."""
    raw = text.encode()
    return round(len(raw) / len(zlib.compress(raw)), 4)
