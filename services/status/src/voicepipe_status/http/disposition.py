"""Content-Disposition (RFC 6266) for names chosen by users."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote


def content_disposition(kind: str, name: str) -> str:
    """`kind` is inline or attachment. Clients with RFC 8187 get the full name, others an ASCII approximation."""
    ascii_name = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in name)
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def with_suffix(name: str, suffix: str) -> str:
    """`meeting.wav` becomes `meeting.srt`."""
    return f"{PurePosixPath(name).stem or 'transcript'}.{suffix}"
