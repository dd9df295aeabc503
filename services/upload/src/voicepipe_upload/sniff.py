"""Recognizes files that are certainly not recordings by their first bytes. Pure.

This only saves a user the wait: the decoder, in its sandboxed process, decides about everything that passes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final, NamedTuple

from voicepipe_wire.errors import Problem

# Long enough that no audio format looks like text throughout.
HEAD_BYTES: Final = 4096


class Kind(NamedTuple):
    """A kind of file other than a recording, and what its sender should do."""

    name: str
    next_step: str = "Send a recording"


_ARCHIVE = Kind("an archive", "Unpack it and send the recordings one by one")
_PLAYLIST = Kind("a playlist", "Send the recordings that it lists")
_DOCUMENT = Kind("a document")
_PICTURE = Kind("a picture")
_PROGRAM = Kind("a program")
_TEXT = Kind("text")

# First bytes -> kind of file.
_MAGIC: Final[Mapping[bytes, Kind]] = {
    b"PK\x03\x04": _ARCHIVE,
    b"PK\x05\x06": _ARCHIVE,
    b"Rar!\x1a\x07": _ARCHIVE,
    b"7z\xbc\xaf\x27\x1c": _ARCHIVE,
    b"\x1f\x8b\x08": _ARCHIVE,
    b"BZh": _ARCHIVE,
    b"\xfd7zXZ\x00": _ARCHIVE,
    b"\x28\xb5\x2f\xfd": _ARCHIVE,
    b"%PDF-": _DOCUMENT,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _DOCUMENT,
    b"{\\rtf": _DOCUMENT,
    b"\x89PNG\r\n\x1a\n": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF87a": _PICTURE,
    b"GIF89a": _PICTURE,
    b"\x7fELF": _PROGRAM,
    b"MZ\x90\x00": _PROGRAM,
    b"SQLite format 3\x00": Kind("a database"),
}
_PLAYLISTS: Final = (b"#extm3u", b"ffconcat version", b"[playlist]", b"<asx", b"<mpd", b"<smil", b"[reference]")
_BYTE_ORDER_MARKS: Final[Mapping[bytes, str]] = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def reject_non_media(head: bytes) -> None:
    """Check the first `HEAD_BYTES` of a recording, or all of it if it is shorter.

    Raises:
        Problem: 415 `not_audio`.
    """
    if kind := identify_non_media(head):
        raise Problem.of("not_audio", found=kind.name, next_step=kind.next_step)


def identify_non_media(head: bytes) -> Kind | None:
    """The kind of file, or None if it may be audio or video."""
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _PICTURE
    if head[257:262] == b"ustar":
        return _ARCHIVE
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:512].lower()
    if start.startswith(_PLAYLISTS) or (start.startswith(b"<?xml") and any(name in start for name in _PLAYLISTS)):
        return _PLAYLIST
    return _TEXT if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    encoding = _BYTE_ORDER_MARKS.get(head[:2], "utf-8")
    try:
        text = head.decode(encoding)
    except UnicodeDecodeError as error:
        # The head may end inside a character of up to four bytes.
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode(encoding)
    return bool(text) and all(_is_readable(char) for char in text)


def _is_readable(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cn", "Co", "Cs"} or char in "\t\n\r\f\v\x1b"
