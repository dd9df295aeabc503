"""Ogg files: where the links of a chain begin (RFC 3533).

Each link is a complete Ogg file. FFmpeg plays a chain to its end only if all links have the same codec and channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .source import File

HEADER_BYTES: Final = 27
FIRST_PAGE: Final = 2


def later_starts(file: File) -> Iterator[int]:
    """A link begins with the first pages of its streams, so at a first page after a page that is none."""
    at, is_within = 0, False
    while True:
        header = file.read(at, HEADER_BYTES + 255)
        if not header.startswith(b"OggS"):
            found = _next_page(file, at)
            if found is None:
                return
            at = found
            continue
        if len(header) < HEADER_BYTES:
            return
        is_first = bool(header[5] & FIRST_PAGE)
        if is_first and is_within:
            yield at
        is_within = not is_first
        segments = header[26]
        at += HEADER_BYTES + segments + sum(header[HEADER_BYTES : HEADER_BYTES + segments])


def _next_page(file: File, start: int) -> int | None:
    for place, block in file.blocks(start, 4):
        if (found := block.find(b"OggS")) >= 0:
            return place + found
    return None
