"""Log files that cannot fill the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

LIMIT_BYTES = 20 * 2**20


def limit(log: Path, limit_bytes: int = LIMIT_BYTES) -> None:
    """Copy `log` to `NAME.1` and truncate it if it is larger than `limit_bytes`.

    The writer keeps its file open in append mode and continues at the new start. A line written between the copy and
    the truncation is lost. A pipe through the supervisor would lose none, but would block the writer when the
    supervisor stops.
    """
    if log.exists() and log.stat().st_size > limit_bytes:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        with log.open("r+b") as file:
            file.truncate(0)
