"""MP3 files: their tags, and where a joined one begins.

A tag is no audio and no damage. Podcast hosts join whole files, with a tag at the start and one at the end of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .source import File, Slice

ID3V1_BYTES: Final = 128
APE_FOOTER_BYTES: Final = 32
_ID3V2: Final = re.compile(rb"ID3[\x02-\x04][\x00-\x0a].[\x00-\x7f]{4}", re.DOTALL)
_SAMPLE_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}

_BIT_RATES_1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BIT_RATES_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def is_mp3(head: bytes) -> bool:
    """Whether the file begins with an ID3v2 tag or a frame of layer III. A tag may also precede another format."""
    return head.startswith(b"ID3") or _is_frame(head)


def later_starts(file: File) -> Iterator[int]:
    """A joined file begins with an ID3v2 tag that a frame follows."""
    reached = 10 + _tag_bytes(file.read(0, 10))
    for place, block in file.blocks(reached, 16):
        for match in _ID3V2.finditer(block, max(0, reached - place)):
            start = place + match.start()
            if start >= reached and is_tagged(file, start):
                reached = start + 10 + _tag_bytes(match[0])
                yield start


def is_tagged(file: File, at: int) -> bool:
    """Whether an ID3v2 tag that a frame follows begins here."""
    header = file.read(at, 10)
    return bool(_ID3V2.match(header)) and _is_frame(file.read(at + 10 + _tag_bytes(header), 4))


def without_tags(file: File, whole: Slice) -> Slice:
    """The slice without the tags at its end: ID3v1, APE, Lyrics3, in any order."""
    end = whole.end
    while True:
        tail = file.read(max(whole.start, end - ID3V1_BYTES), min(ID3V1_BYTES, end - whole.start))
        if len(tail) == ID3V1_BYTES and tail.startswith(b"TAG"):
            end -= ID3V1_BYTES
        elif tail[-APE_FOOTER_BYTES:].startswith(b"APETAGEX"):
            size = int.from_bytes(tail[-20:-16], "little")
            has_header = bool(tail[-9] & 0x80)
            end -= size + (APE_FOOTER_BYTES if has_header else 0)
        elif tail.endswith(b"LYRICS200") and tail[-15:-9].isdigit():
            end -= int(tail[-15:-9]) + 15
        else:
            return Slice(whole.start, max(whole.start, end))


@dataclass(frozen=True, slots=True)
class Header:
    """What the first frame states (Xing, Info). `is_whole`: by the number of bytes that it states, nothing is missing."""

    duration_s: float
    is_whole: bool


def header(file: File, recording: Slice) -> Header | None:
    """The header in the first frame, None if there is none."""
    head = file.read(recording.start, 10)
    start = recording.start + (10 + _tag_bytes(head) if head.startswith(b"ID3") else 0)
    frame = file.read(start, 256)
    if not _is_frame(frame):
        return None
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0 or not frame[at + 7] & 1:
        return None
    version = frame[1] >> 3 & 3
    samples = 1152 if version == 3 else 576  # noqa: PLR2004 - MPEG-1
    duration_s = int.from_bytes(frame[at + 8 : at + 12], "big") * samples / _SAMPLE_RATES[version][frame[2] >> 2 & 3]
    stated_bytes = int.from_bytes(frame[at + 12 : at + 16], "big") if frame[at + 7] & 2 else 0
    return Header(duration_s, 0 < stated_bytes <= recording.end - start)


def frame_bytes(head: bytes) -> int:
    """The length of the frame of layer III that begins here, 0 if none does or its bit rate is free."""
    if not _is_frame(head) or not head[2] >> 4:
        return 0
    version = head[1] >> 3 & 3
    rate_kbps = (_BIT_RATES_1 if version == 3 else _BIT_RATES_2)[head[2] >> 4]  # noqa: PLR2004 - MPEG-1
    sample_rate = _SAMPLE_RATES[version][head[2] >> 2 & 3]
    return (144_000 if version == 3 else 72_000) * rate_kbps // sample_rate + (head[2] >> 1 & 1)  # noqa: PLR2004


def _is_frame(head: bytes) -> bool:
    """A header of layer III: sync, no reserved version, bit rate or sample rate (ISO 11172-3, 2.4.2.3)."""
    return (
        len(head) >= 4  # noqa: PLR2004
        and head[0] == 0xFF  # noqa: PLR2004
        and head[1] & 0xE6 == 0xE2  # noqa: PLR2004
        and head[1] >> 3 & 3 != 1
        and head[2] >> 4 != 0xF  # noqa: PLR2004
        and head[2] >> 2 & 3 != 3  # noqa: PLR2004
    )


def _tag_bytes(header: bytes) -> int:
    """The length that an ID3v2 header states, without the header: 28 bits in four bytes."""
    size = 0
    for byte in header[6:10]:
        size = size << 7 | byte & 0x7F
    return size if header.startswith(b"ID3") else 0
