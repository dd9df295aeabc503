"""Byte ranges (RFC 9110, 14), one per request. Pure."""

from __future__ import annotations

import re

from voicepipe_wire.errors import Problem

_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", re.IGNORECASE)


def parse_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """The range [start, end) in bytes, or None for the whole.

    An invalid header and one with several ranges give the whole, as the RFC allows.

    Raises:
        Problem: 416 `range_unsatisfiable`.
    """
    match = _ONE_RANGE.fullmatch((header or "").strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:  # a suffix range
        if int(last) == 0:
            raise _unsatisfiable(size_bytes)
        return max(0, size_bytes - int(last)), size_bytes
    if last and int(last) < int(first):
        return None
    if int(first) >= size_bytes:
        raise _unsatisfiable(size_bytes)
    return int(first), min(int(last) + 1, size_bytes) if last else size_bytes


def _unsatisfiable(size_bytes: int) -> Exception:
    return Problem.of("range_unsatisfiable", headers={"Content-Range": f"bytes */{size_bytes}"})
