"""Log files that cannot fill the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

LIMIT_BYTES = 20 * 2**20


def limit(log: Path, limit_bytes: int = LIMIT_BYTES) -> None:
    """When `log` has grown beyond its limit, move what it holds to `NAME.1` and let it start empty.

    The writer keeps its file open, in append mode, and goes on at the new beginning; a line written between the copy and
    the cut is lost. A pipe through the supervisor would lose none, but stop the writer when the supervisor is stopped.
    """
    if log.exists() and log.stat().st_size > limit_bytes:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        with log.open("r+b") as file:
            file.truncate(0)
