"""What a process and everything below it needs, looked at again and again from outside."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from voicepipe_local.guard import descendants

POLL_EVERY_S = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ProcessWatch:
    """Peak resident memory and processor time between entry and exit. Pages that processes share count for each of them."""

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
        """While something else goes on that is not to count."""
        self._paused.set()
        yield
        self._paused.clear()

    def _run(self) -> None:
        below: list[int] = []
        looked_s = 0.0
        while not self._stop.wait(POLL_EVERY_S):
            if self._paused.is_set():
                continue
            if time.monotonic() - looked_s > 10 * POLL_EVERY_S:  # to find descendants, all of /proc is read
                below, looked_s = descendants(self._pid), time.monotonic()
            own = _resident_bytes(self._pid)
            self.peak_own_bytes = max(self.peak_own_bytes, own)
            together = own + sum(map(_resident_bytes, below))
            self.first_bytes = self.first_bytes or together
            self.peak_bytes = max(self.peak_bytes, together)


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except OSError:
        return 0  # it ended while we looked


def _cpu_s(pid: int) -> float:
    """User and system time of the process and of its children that have ended (proc_pid_stat(5), fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS
