"""Times as people type them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration_s(text: str) -> int:
    """`90`, `90s`, `30m`, `2h` or `3d`, in seconds.

    Raises:
        ValueError: it is something else.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a duration. Give one like 90s, 30m, 2h or 3d.")
    return int(match[1]) * _SECONDS[match[2]]


def moment(text: str, now: datetime) -> datetime:
    """A duration before `now`, or a date and time; local time unless it names its offset. In UTC.

    Raises:
        ValueError: it is neither.
    """
    try:
        if _DURATION.fullmatch(text.strip()):
            return (now - timedelta(seconds=duration_s(text))).astimezone(UTC)
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"'{text}' is not a time. Give one like 30m or 2h (ago), 2026-03-01 or 2026-03-01T09:30."
        ) from None
