"""Raw streams of frames (MP3, ADTS, AC-3): how many bytes FFmpeg has passed over to find the next frame.

They have no timestamps: what is missing would move everything behind it. FFmpeg says nothing of it, so the packets tell: what follows the frame in
a packet of MP3, and what lies between packets in the other formats. Tags are no damage.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from av.packet import Packet

from . import mpeg_audio
from .source import Source

HEAD_BYTES: Final = 8
BUFFER_BYTES: Final = 1 << 16
FARTHEST_BYTES: Final = 1 << 24
TAGS: Final = (b"TAG", b"APETAGEX", b"ID3", b"LYRICSBEGIN")
SEARCHED: Final = frozenset({"aac", "ac3", "eac3"})


class Skips(Protocol):
    def before_next(self, packet: Packet[Any]) -> int:
        """Bytes without a frame in this packet or before it. Call it with every packet of the track, in order."""

    @property
    def read_bytes(self) -> int:
        """From the first packet to where this one, or what lies before it, begins."""


def watch(source: Source, format_name: str) -> Skips | None:
    """What watches a stream of this format, None if it need not be watched."""
    if format_name == "mp3":
        return _AfterFrames(source.size_bytes)
    return _BetweenPackets(source) if format_name in SEARCHED else None


class _AfterFrames:
    """MP3: FFmpeg ends a packet where the next frame begins. Zeros up to the end of the file are padding."""

    def __init__(self, source_bytes: int) -> None:
        self._source_bytes = source_bytes
        self._longest = 0
        self._is_other = False  # layer II, or a free bit rate
        self._start: int | None = None
        self.read_bytes = 0

    def before_next(self, packet: Packet[Any]) -> int:
        if packet.size <= self._longest or self._is_other:
            return 0
        head = bytes(packet)
        if self._start is None:
            self._start = packet.pos
            self._is_other = not mpeg_audio.frame_bytes(head)
        if self._start is not None and packet.pos is not None:
            self.read_bytes = packet.pos - self._start
        length = mpeg_audio.frame_bytes(head)
        if packet.size <= length or head.startswith(TAGS, length):
            self._longest = max(self._longest, length)
            return 0
        is_last = (packet.pos or 0) + packet.size >= self._source_bytes
        return 0 if is_last and not head[length:].strip(b"\0") else packet.size - length


class _BetweenPackets:
    """The place of each packet in the file is where its first bytes are. FFmpeg counts only what it has not passed over."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._start: int | None = None
        self._at = 0
        self._buffer, self._buffer_at = b"", 0
        self.read_bytes = 0

    def before_next(self, packet: Packet[Any]) -> int:
        if not packet.size:
            return 0
        if self._start is None:
            self._start = self._at = packet.pos or 0
        self.read_bytes = self._at - self._start
        head = bytes(memoryview(packet)[:HEAD_BYTES])
        skipped = 0
        if self._read(self._at, len(head)) != head:
            place = self._find(head)
            if place is not None:
                found = self._read(self._at, max(map(len, TAGS)))
                skipped = 0 if found.startswith(TAGS) else place - self._at
                self._at = place
        self._at += packet.size
        return skipped

    def _find(self, head: bytes) -> int | None:
        for start in range(self._at, self._at + FARTHEST_BYTES, BUFFER_BYTES - HEAD_BYTES):
            block = self._read(start, BUFFER_BYTES)
            if (found := block.find(head)) >= 0:
                return start + found
            if len(block) < BUFFER_BYTES:
                break
        return None

    def _read(self, at: int, size_bytes: int) -> bytes:
        offset = at - self._buffer_at
        if not 0 <= offset <= len(self._buffer) - size_bytes:
            self._buffer, self._buffer_at, offset = self._source.peek(at, BUFFER_BYTES), at, 0
        return self._buffer[offset : offset + size_bytes]
