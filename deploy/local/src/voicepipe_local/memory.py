"""Memory use of a process and its descendants."""

from __future__ import annotations

from pathlib import Path

from .guard import descendants


def memory_bytes(pid: int) -> int:
    """Proportional set size (PSS) of `pid` and its descendants: memory that they share counts once."""
    return sum(map(_pss_bytes, (pid, *descendants(pid))))


def _pss_bytes(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0  # it ended after the listing
    return 0
