"""Samples the memory of a process and its descendants, and measures its processor time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from voicepipe_local.guard import descendants

SAMPLE_EVERY_S = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ProcessWatch:
    """Peak resident memory and processor time between entry and exit. Shared pages count once for each process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._paused = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._cpu_before_s = 0.0
        self.first_bytes = 0
        self.peak_bytes = 0
        self.peak_own_bytes = 0
        self.cpu_s = 0.0

    def __enter__(self) -> Self:
        self._cpu_before_s = _cpu_s(self._pid)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.cpu_s = _cpu_s(self._pid) - self._cpu_before_s

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not sample inside this block."""
        self._paused.set()
        yield
        self._paused.clear()

    def _run(self) -> None:
        children: list[int] = []
        searched_s = 0.0
        while not self._stop.wait(SAMPLE_EVERY_S):
            if self._paused.is_set():
                continue
            if time.monotonic() - searched_s > 10 * SAMPLE_EVERY_S:  # finding descendants reads all of /proc
                children, searched_s = descendants(self._pid), time.monotonic()
            own = resident_bytes(self._pid)
            self.peak_own_bytes = max(self.peak_own_bytes, own)
            total = own + sum(map(resident_bytes, children))
            self.first_bytes = self.first_bytes or total
            self.peak_bytes = max(self.peak_bytes, total)


def resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except OSError:
        return 0  # the process has ended


def _cpu_s(pid: int) -> float:
    """User and system time of the process and of its children that have ended (proc_pid_stat(5), fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS
