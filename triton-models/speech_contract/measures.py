"""Measures of a text that every speech model reports."""

from __future__ import annotations

import zlib


def compression_ratio(text: str) -> float:
    """Size of the text divided by its compressed size, high for a loop (openai-whisper's `utils.py`)."""
    raw = text.encode()
    return round(len(raw) / len(zlib.compress(raw)), 4)
