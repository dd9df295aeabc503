"""Finds the recordings in a file: usually one, but people and programs join files by appending one to another.

Headers lie, so the structure of the file decides where a recording ends, not the length that its header states. Each recording can then be
opened on its own. A format that is not known here is one recording, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from . import chunked, mpeg_audio, ogg, stated
from .source import File, Slice, Source

AMR_FRAME_BYTES: Final = 61  # at most
MAX_RECORDINGS: Final = 1000  # the last one has the rest of the file


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording in a file.

    `stated_s` is its length as the header states it, None if only FFmpeg can tell or nothing is stated. `missing_s` is how much of it
    lies beyond the end of the file; `missing_share` says the same as a multiple of what lies before it. `is_whole`:
    nothing is, whatever length is stated. `has_holes`: data are missing, and the timestamps show where.
    """

    source: Source
    stated_s: float | None = None
    missing_s: float = 0.0
    missing_share: float = 0.0
    is_whole: bool = False
    has_holes: bool = False


def find(file: File) -> list[Recording]:
    """The recordings in the order of the file, at least one."""
    head = file.read(0, 64)
    if chunked.is_chunked(head):
        return [_of(file, part) for part in chunked.parts(file, MAX_RECORDINGS)]
    if head.startswith(b"OggS"):
        links = ogg.links(file)[:MAX_RECORDINGS]
        slices = _slices([link.start for link in links], file.size_bytes)
        return [
            Recording(Source(file, (part,)), has_holes=link.has_holes) for link, part in zip(links, slices, strict=True)
        ]
    slices = _slices([0, *_later_starts(file, head)][:MAX_RECORDINGS], file.size_bytes)
    if head.startswith(chunked.WAVE64):
        return [_of(file, chunked.wave64(file, each)) for each in slices]
    if head.startswith(b"#!AMR"):
        return [Recording(Source(file, (_without_padding(file, each),))) for each in slices]
    if mpeg_audio.is_mp3(head):
        return [_mp3(file, each) for each in slices]
    return [_described(file, each) for each in slices]


def _slices(starts: Sequence[int], end: int) -> list[Slice]:
    """From each start to the next one."""
    return [Slice(start, following) for start, following in pairwise([*starts, end])]


def _of(file: File, part: chunked.Part) -> Recording:
    return Recording(Source(file, part.pieces), part.stated_s, part.missing_s)


def _mp3(file: File, part: Slice) -> Recording:
    stated = mpeg_audio.header(file, part)
    source = Source(file, (mpeg_audio.without_tags(file, part),))
    return Recording(source, stated.duration_s, is_whole=stated.is_whole) if stated else Recording(source)


def _without_padding(file: File, part: Slice) -> Slice:
    """Zeros after the last frame of AMR would be decoded as frames. The last frame may end in some."""
    return Slice(part.start, min(part.end, file.end_of(part) + AMR_FRAME_BYTES))


def _described(file: File, part: Slice) -> Recording:
    found = stated.stated(file, part)
    return Recording(Source(file, found.pieces or (part,)), found.duration_s, missing_share=found.missing_share)


def _later_starts(file: File, head: bytes) -> Iterator[int]:
    """Where recordings after the first one begin."""
    if head[4:8] in MP4_FIRST:
        yield from _mp4_starts(file)
    elif head.startswith(EBML):
        yield from _matroska_starts(file)
    elif mpeg_audio.is_mp3(head):
        yield from mpeg_audio.later_starts(file)
    else:
        for magic, pattern in SIGNATURES:
            if head.startswith(magic):
                yield from _matches(file, pattern, len(magic))
                return


MP4_FIRST: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
EBML: Final = b"\x1a\x45\xdf\xa3"
_EBML_HEADER: Final = re.compile(re.escape(EBML) + rb".{0,60}?\x42\x82.(webm|matroska)", re.DOTALL)
# The first bytes of a format, and what begins a whole file of it.
SIGNATURES: Final = (
    (chunked.WAVE64, re.compile(re.escape(chunked.WAVE64) + rb".{8}wave\xf3\xac\xd3\x11", re.DOTALL)),
    (b"FLV\x01", re.compile(rb"FLV\x01[\x01\x04\x05]\0\0\0\x09\0\0\0\0")),
    (b"fLaC", re.compile(rb"fLaC[\x00\x80]\0\0\x22")),
    (b"#!AMR", re.compile(rb"#!AMR(-WB)?\n")),
    (b"\x30\x26\xb2\x75", re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c")),
    (b"caff", re.compile(rb"caff\0\x01\0\0desc\0{7}\x20")),
    # WavPack: the first block of a recording, which has the first of all its channels.
    (b"wvpk", re.compile(rb"wvpk.{4}.\x04.{6}\0{4}.{5}[\x08-\x0f\x18-\x1f].{2}", re.DOTALL)),
    (b"TTA1", re.compile(rb"TTA1[\x01-\x03]\0")),
    (b"Creative Voice File", re.compile(rb"Creative Voice File\x1a\x1a\0")),
    (b".snd", re.compile(rb"\.snd\0\0[\0-\x01].{4}.\0\0\0[\x01-\x1b]\0\0", re.DOTALL)),
)
PATTERN_BYTES: Final = 128  # longer than any match


def _matches(file: File, pattern: re.Pattern[bytes], start: int) -> Iterator[int]:
    """Where `pattern` begins, from `start` on, each place once."""
    reached = start
    for place, block in file.blocks(start, PATTERN_BYTES):
        for match in pattern.finditer(block, reached - place):
            reached = place + match.end()
            yield place + match.start()


def _mp4_starts(file: File) -> Iterator[int]:
    """A recording begins at a `ftyp` box of the top level, after the index or the fragments of the one before."""
    at, is_complete = 0, False
    while len(box := file.read(at, 16)) >= 8:  # noqa: PLR2004 - size and type
        size, kind = int.from_bytes(box[:4], "big"), box[4:8]
        if size == 1:
            size = int.from_bytes(box[8:16], "big")
        if kind == b"ftyp" and is_complete:
            yield at
            is_complete = False
        is_complete |= kind == b"moov"
        if size < 8:  # noqa: PLR2004 - 0 says: to the end of the file; everything else is damage
            return
        at += size


def _matroska_starts(file: File) -> Iterator[int]:
    """A recording begins with an EBML header. After a segment of known length it follows at once, else it is searched for."""
    at = 0
    while (segment := _segment_end(file, at)) is not None:
        if not _EBML_HEADER.match(file.read(segment, PATTERN_BYTES)):
            return
        yield segment
        at = segment
    yield from _matches(file, _EBML_HEADER, at + len(EBML))


def _segment_end(file: File, at: int) -> int | None:
    """The end of the segment after the EBML header at `at`, None if its length is unknown or damaged."""
    header = file.read(at, 256)
    for identifier, is_segment in ((EBML, False), (b"\x18\x53\x80\x67", True)):
        if not header.startswith(identifier):
            return None
        length, width = _ebml_length(header[4:12])
        if length is None:
            return None
        skipped = len(identifier) + width + length
        if is_segment:
            return at + skipped
        at, header = at + skipped, header[skipped:]
    return None


def _ebml_length(field: bytes) -> tuple[int | None, int]:
    """A length of EBML, None if unknown, and how many bytes it takes (RFC 8794, section 6)."""
    width = 9 - field[0].bit_length() if field and field[0] else 0
    if not 1 <= width <= len(field):
        return None, 0
    value = int.from_bytes(field[:width], "big") & ((1 << (7 * width)) - 1)
    return (None if value == (1 << (7 * width)) - 1 else value), width
