"""Stated lengths: wrong ones that FFmpeg would believe, and true ones of truncated files, for which FFmpeg estimates a length instead."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .source import File, Slice

ASF_HEADER: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_BROADCAST: Final = 1
_CHUNKS: Final = 100
_LARGEST_BYTES: Final = 1 << 50
_HEAD_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Stated:
    """`duration_s` as the header states it, or what lies beyond the end of the file, as a multiple of what lies before it.

    `pieces` are what FFmpeg has to read instead of the recording, None if that is the recording as it is.
    """

    duration_s: float | None = None
    missing_share: float = 0.0
    pieces: Sequence[bytes | Slice] | None = None


def stated(file: File, recording: Slice) -> Stated:
    """What the header of a CAF, AU, AVI or ASF file states. Nothing for all others."""
    head = file.read(recording.start, len(ASF_HEADER))
    if head.startswith(b"caff"):
        return _caf(file, recording)
    if head.startswith(b".snd"):
        return Stated(pieces=_without_length(recording, recording.start + 8, 4)) if head[8:12] == bytes(4) else Stated()
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return _avi(head, recording)
    return _asf(file, recording) if head == ASF_HEADER else Stated()


def _caf(file: File, recording: Slice) -> Stated:
    """The length of its chunk of samples: too short if neither a chunk nor the end of the file follows."""
    at = recording.start + 8
    for _ in range(_CHUNKS):
        name, size = _fields(file, at, ">4sQ")
        if name == b"data":
            end = at + 12 + size
            following, length = _fields(file, end, ">4sQ")
            if end >= recording.end or (following.isalnum() and end + 12 + length <= recording.end):
                return _beyond(at + 12, size, recording.end)
            return Stated(pieces=_without_length(recording, at + 4, 8))
        if not name:
            break
        at += 12 + size
    return Stated()


def _without_length(recording: Slice, at: int, size_bytes: int) -> Sequence[bytes | Slice]:
    """The recording with the length at this place replaced by all ones, which means unknown."""
    return Slice(recording.start, at), b"\xff" * size_bytes, Slice(at + size_bytes, recording.end)


def _avi(head: bytes, recording: Slice) -> Stated:
    """The size of the first part of the file, which is all of it up to 1 GiB. Half of what can be stated is placeholders."""
    size = int.from_bytes(head[4:8], "little")
    return _beyond(recording.start + 8, size, recording.end) if size < 0x7FFF_0000 else Stated()  # noqa: PLR2004


def _fields(file: File, at: int, layout: str) -> tuple[bytes, int]:
    content = file.read(at, struct.calcsize(layout)) if at < file.size_bytes else b""
    if len(content) < struct.calcsize(layout):
        return b"", 0
    name, size = struct.unpack(layout, content)
    return name, size


def _beyond(start: int, size: int, end: int) -> Stated:
    """All ones, and what no file system can hold, are no statement."""
    held = end - start
    if held <= 0 or size >= _LARGEST_BYTES:
        return Stated()
    return Stated(missing_share=max(0, size - held) / held)


def _asf(file: File, recording: Slice) -> Stated:
    """The play time of the file properties, in units of 100 ns, less the time of filling buffers (ASF specification, 3.2)."""
    head = file.read(recording.start, _HEAD_BYTES)
    at = head.find(_ASF_FILE)
    if at < 0 or len(head) < at + 92:
        return Stated()
    played, _, preroll_ms, flags = struct.unpack_from("<QQQI", head, at + 64)
    duration_s = played / 1e7 - preroll_ms / 1e3
    return Stated(duration_s) if not flags & _ASF_BROADCAST and 0 < duration_s < 1e6 else Stated()  # noqa: PLR2004
