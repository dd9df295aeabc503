"""Content-Disposition (RFC 6266) for names that users chose."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote


def content_disposition(kind: str, name: str) -> str:
    """`kind` is inline or attachment. Clients that know RFC 8187 get the name as it is, others what ASCII has of it."""
    ascii_name = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in name)
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def with_suffix(name: str, suffix: str) -> str:
    """`meeting.wav` as `meeting.srt`."""
    return f"{PurePosixPath(name).stem or 'transcript'}.{suffix}"
