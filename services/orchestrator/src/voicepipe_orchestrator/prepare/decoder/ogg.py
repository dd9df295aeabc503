"""Ogg files: where the links of a chain begin, and whether pages are missing (RFC 3533).

Each link is a complete Ogg file. FFmpeg plays a chain to its end only if all links have the same codec and channels.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .source import File

HEADER_BYTES: Final = 27
FIRST_PAGE: Final = 2


@dataclass(slots=True)
class Link:
    """One link, by its first byte. `has_holes`: pages of it are missing, so a gap in its timestamps is a loss."""

    start: int
    has_holes: bool = False


def links(file: File) -> list[Link]:
    """The links of a file that starts with a page. A new link starts at a first page (beginning of stream) after a page that is not one."""
    found, is_within = [Link(0)], False
    expected: dict[int, int] = {}  # the number of the next page of each stream
    for at, header in _pages(file):
        is_first = bool(header[5] & FIRST_PAGE)
        if is_first and is_within:
            found.append(Link(at))
            expected = {}
        is_within = not is_first
        stream, number = struct.unpack_from("<II", header, 14)
        found[-1].has_holes |= expected.get(stream, number) != number
        expected[stream] = number + 1
    return found


def _pages(file: File) -> Iterator[tuple[int, bytes]]:
    """Place and header of each page. What lies between pages is passed over."""
    at: int | None = 0
    while at is not None:
        header = file.read(at, HEADER_BYTES + 255)
        if not header.startswith(b"OggS"):
            at = _next_page(file, at)
            continue
        if len(header) < HEADER_BYTES:
            return
        yield at, header
        segments = header[26]
        at += HEADER_BYTES + segments + sum(header[HEADER_BYTES : HEADER_BYTES + segments])


def _next_page(file: File, start: int) -> int | None:
    for place, block in file.blocks(start, 4):
        if (found := block.find(b"OggS")) >= 0:
            return place + found
    return None
