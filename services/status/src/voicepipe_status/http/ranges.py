"""One range of bytes (RFC 9110, 14). Pure."""

from __future__ import annotations

import re

from voicepipe_wire.errors import Problem

_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", re.IGNORECASE)


def parse_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None for everything.

    What is no range, and what is several, is answered with everything, as the RFC allows. Raises Problem 416
    `range_unsatisfiable`.
    """
    match = _ONE_RANGE.fullmatch((header or "").strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:  # the last so many bytes
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
