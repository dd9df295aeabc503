"""Content-Disposition (RFC 6266) for names chosen by users."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote


def content_disposition(kind: str, name: str) -> str:
    """`kind` is inline or attachment. Clients with RFC 8187 get the full name, others an ASCII approximation: letters without accents."""
    letters = (char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    ascii_name = "".join(char if _is_plain(char) else "_" for char in letters)
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _is_plain(char: str) -> bool:
    """Whether every client reads it in a quoted string alike. Some decode `%22`, some take `/` for a folder."""
    return char.isascii() and char.isprintable() and char not in '"\\%/:'


def with_suffix(name: str, suffix: str) -> str:
    """`meeting.wav` becomes `meeting.srt`."""
    return f"{PurePosixPath(name).stem or 'transcript'}.{suffix}"
