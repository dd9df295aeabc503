"""WAV, Wave64 and AIFF files: what they hold, whatever their headers state.

They consist of chunks, each with an identifier and a length. The length of the samples is wrong in many files: 0 or all ones if it was
not known when the header was written, modulo 4 GiB in longer files, too short after files were joined, too long after a
copy was cut. So the samples end where a plausible chunk, another file, or the end of the file follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from . import mpeg_audio
from .source import File, Slice

# Written instead of a length that is not known: 0, and all that is close to 2 GiB or 4 GiB.
PLACEHOLDERS: Final = (range(1), range(0x7FFF_F000, 0x8000_1000), range(0xFFFF_0000, 0x1_0000_0000))
LARGEST_BYTES: Final = 1 << 50
MAX_CHUNKS: Final = 1000
MAX_FORMAT_BYTES: Final = 4096
_WAV: Final = re.compile(rb"(RIFF|RF64|BW64).{4}WAVE(fmt |JUNK|bext|ds64|LIST|fact)", re.DOTALL)
_AIFF: Final = re.compile(rb"FORM.{4}AIF[FC](COMM|FVER|COMT|MARK|NAME|AUTH|ANNO|SSND)", re.DOTALL)
WAVE64: Final = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_WAVE64_CHUNK: Final = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # the rest of most identifiers, after four letters
_PLAIN: Final = (b"\x01\0", b"\x03\0", b"\x06\0", b"\x07\0")  # PCM, float, A-law, mu-law
_EXTENSIBLE: Final = b"\xfe\xff"
_IDENTIFIER: Final = re.compile(rb"[A-Za-z0-9 _()\-.]{4}")


@dataclass(frozen=True, slots=True)
class Part:
    """A file in the file: the bytes to give to FFmpeg, the stated length, and how much of it is missing."""

    pieces: Sequence[bytes | Slice]
    stated_s: float | None
    missing_s: float


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is before the samples of one file: the chunks to repeat, their rate, and where the samples are stated to be."""

    kept: bytes
    bytes_per_s: float
    samples_start: int
    stated_bytes: int


def is_chunked(head: bytes) -> bool:
    return bool(_WAV.match(head) or _AIFF.match(head))


def is_plain(head: bytes) -> bool:
    """Whether a WAV of `parts` holds uncompressed samples, by its header: not the blocks of a codec."""
    tag = head[44:46] if head[20:22] == _EXTENSIBLE else head[20:22]
    return head[8:16] == b"WAVEfmt " and tag in _PLAIN


def parts(file: File, limit: int) -> Iterator[Part]:
    """The files that lie one after the other in `file`. What cannot be understood is given to FFmpeg as it is."""
    at: int | None = 0
    for number in range(limit):
        if at is None:
            return
        order: Literal["little", "big"] = "big" if file.read(at, 4) == b"FORM" else "little"
        layout = _layout(file, at, order)
        if layout is None:
            yield Part((Slice(at, file.size_bytes),), None, 0.0)
            return
        end, following = _samples_end(file, layout, order)
        if number == limit - 1:
            end, following = file.size_bytes, None
        stated_s, missing_s = _stated(layout, end, file.size_bytes)
        yield Part(_pieces(layout, end, order), stated_s, missing_s)
        at = following


def wave64(file: File, recording: Slice) -> Part:
    """A Wave64 file as a WAV. Its chunks have 16 bytes of name and 8 of size, which counts both, and begin at multiples of 8."""
    kept, bytes_per_s = b"", 0.0
    for name, at, size in _wave64_chunks(file, recording):
        if name == b"fmt ":
            body = file.read(at, min(size, MAX_FORMAT_BYTES))
            kept, bytes_per_s = _chunk(name, body, "little"), float(int.from_bytes(body[8:12], "little"))
        elif name == b"data" and kept:
            end, layout = recording.end, _Layout(kept, bytes_per_s, at, size if 0 < size < LARGEST_BYTES else 0)
            after = at + size + -size % 8
            if layout.stated_bytes and (after >= end or file.read(after + 4, 12) == _WAVE64_CHUNK):
                end = min(at + size, end)
            return Part(_pieces(layout, end, "little"), *_stated(layout, end, file.size_bytes))
    return Part((recording,), None, 0.0)


def _wave64_chunks(file: File, recording: Slice) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and size of the contents of each chunk."""
    at = recording.start + 40
    for _ in range(MAX_CHUNKS):
        header = file.read(at, 24)
        size = int.from_bytes(header[16:], "little")
        if len(header) == 24:  # noqa: PLR2004
            yield header[:4], at + 24, max(0, size - 24)
        if size < 24:  # noqa: PLR2004
            return
        at += size + -size % 8


def _layout(file: File, start: int, order: Literal["little", "big"]) -> _Layout | None:
    kept, bytes_per_s, large_bytes = b"", 0.0, None
    for identifier, at, size in _chunks(file, start + 12, order):
        body = file.read(at, min(size, MAX_FORMAT_BYTES))
        if identifier == b"ds64":
            # What no file system can hold is a placeholder too.
            stated = int.from_bytes(body[8:16], "little")
            large_bytes = stated if stated < LARGEST_BYTES else 0
        elif identifier == b"fmt " and len(body) >= 16:  # noqa: PLR2004 - its fixed fields
            kept, bytes_per_s = _chunk(identifier, body, order), float(int.from_bytes(body[8:12], "little"))
        elif identifier == b"COMM" and len(body) >= 18:  # noqa: PLR2004 - its fixed fields
            # The number of frames lies too. FFmpeg reads to the end of the samples.
            kept, bytes_per_s = _chunk(identifier, body, order), _aiff_bytes_per_s(body)
        elif identifier in {b"data", b"SSND"} and kept:
            is_large = identifier == b"data" and size == 0xFFFF_FFFF and large_bytes is not None  # noqa: PLR2004
            return _Layout(kept, bytes_per_s, at, (large_bytes or 0) if is_large else size)
    return None


def _aiff_bytes_per_s(body: bytes) -> float:
    """0 if the samples are compressed."""
    if body[18:22] not in {b"", b"NONE", b"twos", b"sowt", b"in24", b"in32", b"fl32", b"FL32"}:
        return 0.0
    channels, bits = int.from_bytes(body[0:2], "big"), int.from_bytes(body[6:8], "big")
    exponent, mantissa = int.from_bytes(body[8:10], "big") & 0x7FFF, int.from_bytes(body[10:18], "big")
    power = exponent - 16383 - 63  # of an 80-bit float
    return mantissa * 2.0**power * channels * -(-bits // 8) if -200 < power < 0 else 0.0  # noqa: PLR2004


def _chunks(file: File, at: int, order: Literal["little", "big"]) -> Iterator[tuple[bytes, int, int]]:
    """Identifier, place and stated length of the chunks from `at` on."""
    for _ in range(MAX_CHUNKS):
        header = file.read(at, 8)
        if len(header) < 8 or not _IDENTIFIER.fullmatch(header[:4]):  # noqa: PLR2004
            return
        size = int.from_bytes(header[4:], order)
        yield header[:4], at + 8, size
        at += 8 + size + size % 2


def _samples_end(file: File, layout: _Layout, order: Literal["little", "big"]) -> tuple[int, int | None]:
    """Where the samples end, and where the next file begins, None if there is none."""
    start, stated = layout.samples_start, layout.stated_bytes
    is_known = not any(stated in each for each in PLACEHOLDERS) or start + stated == file.size_bytes
    if is_known and start + stated <= file.size_bytes:
        for end in (start + stated + stated % 2, start + stated):
            is_plausible, following = _what_follows(file, end, order)
            if is_plausible:
                return start + stated, following
    if stated == 0 and _what_follows(file, start, order) == (True, None) and start < file.size_bytes:
        return start, None
    following = _next_file(file, start)
    return (file.size_bytes if following is None else following), following


def _what_follows(file: File, at: int, order: Literal["little", "big"]) -> tuple[bool, int | None]:
    """Whether only chunks follow until the end of the file or the next one, and where that begins."""
    for _ in range(MAX_CHUNKS):
        head = file.read(at, 16)
        if is_chunked(head):
            return True, at
        if head.startswith((b"TAG", b"ID3")):
            return True, at if mpeg_audio.is_tagged(file, at) else None
        if not head.strip(b"\0"):
            # Padding, unless sound follows: then it is digital silence.
            return not any(block.strip(b"\0") for _, block in file.blocks(at, 0)), None
        size = int.from_bytes(head[4:8], order)
        if len(head) < 8 or not _IDENTIFIER.fullmatch(head[:4]) or at + 8 + size > file.size_bytes:  # noqa: PLR2004
            return False, None
        at += 8 + size + (size % 2 if at + 8 + size < file.size_bytes else 0)
    return False, None


def _next_file(file: File, start: int) -> int | None:
    for place, block in file.blocks(start, 32):
        if match := _WAV.search(block) or _AIFF.search(block):
            return place + match.start()
    return None


def _stated(layout: _Layout, end: int, file_bytes: int) -> tuple[float | None, float]:
    """The length that the header states, None for a placeholder, and how much of it lies beyond the end of the file."""
    if layout.bytes_per_s <= 0 or any(layout.stated_bytes in each for each in PLACEHOLDERS):
        return None, 0.0
    held = end - layout.samples_start
    if held > layout.stated_bytes:  # modulo 4 GiB, or just wrong
        return None, 0.0
    missing = layout.stated_bytes - held if end == file_bytes else 0
    return layout.stated_bytes / layout.bytes_per_s, missing / layout.bytes_per_s


def _pieces(layout: _Layout, end: int, order: Literal["little", "big"]) -> Sequence[bytes | Slice]:
    """A file with the true length of its samples. FFmpeg reads a WAV of more than 4 GiB to its end."""
    samples = Slice(layout.samples_start, end)
    if order == "little":
        length = min(samples.size_bytes, 0xFFFF_FFFF).to_bytes(4, order)
        return (b"RIFF" + b"\xff\xff\xff\xff" + b"WAVE" + layout.kept + b"data" + length, samples)
    kind = b"AIFC" if int.from_bytes(layout.kept[4:8], order) > 18 else b"AIFF"  # noqa: PLR2004
    chunks = kind + layout.kept + b"SSND" + min(samples.size_bytes, 0x7FFF_FFFF).to_bytes(4, order)
    # FFmpeg looks for more chunks up to this size, and fails at the end of the file.
    size = min(len(chunks) + samples.size_bytes, 0x7FFF_FFFF)
    return (b"FORM" + size.to_bytes(4, order) + chunks, samples)


def _chunk(identifier: bytes, body: bytes, order: Literal["little", "big"]) -> bytes:
    return identifier + len(body).to_bytes(4, order) + body + b"\0" * (len(body) % 2)
