"""How much memory a process and everything below it takes."""

from __future__ import annotations

from pathlib import Path

from .guard import descendants


def memory_bytes(pid: int) -> int:
    """Resident memory of `pid` and its descendants; what several of them share counts once where Linux tells (PSS)."""
    return sum(map(_of_one, (pid, *descendants(pid))))


def _of_one(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0  # it ended while we looked
    return 0
