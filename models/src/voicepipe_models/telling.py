"""What a person who waits is told: lines, and how far a download has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

_REDRAW_S = 0.2
_LINE_EVERY_S = 5.0


class Telling(Protocol):
    def say(self, line: str) -> None: ...

    def progress(self, done_bytes: int, total_bytes: int | None) -> None:
        """How far the download has come that the last line named; called as often as it likes."""


class Silent:
    def say(self, line: str) -> None: ...

    def progress(self, done_bytes: int, total_bytes: int | None) -> None: ...


class Screen:
    """Writes to a terminal, where one line grows, or to a log, where a line follows every 5 s."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out or sys.stdout
        self._clock = clock
        self._terminal = self._out.isatty()
        self._next_s = clock() + (0 if self._terminal else _LINE_EVERY_S)
        self._drawn = False

    def say(self, line: str) -> None:
        if self._drawn:
            self._out.write("\r\033[K")
        self._drawn = False
        self._next_s = self._clock() + (0 if self._terminal else _LINE_EVERY_S)
        self._out.write(f"{line}\n")
        self._out.flush()

    def progress(self, done_bytes: int, total_bytes: int | None) -> None:
        if self._clock() < self._next_s:
            return
        text = f"  {size(done_bytes)}"
        if total_bytes:
            text += f" of {size(total_bytes)}, {min(100 * done_bytes // total_bytes, 100)} %"
        if self._terminal:
            self._out.write(f"\r\033[K{text}")
            self._next_s, self._drawn = self._clock() + _REDRAW_S, True
        else:
            self._out.write(f"{text}\n")
            self._next_s = self._clock() + _LINE_EVERY_S
        self._out.flush()


def size(count_bytes: int) -> str:
    """A size for people, in MB of 1,000,000 bytes."""
    if count_bytes < 1_000_000:  # noqa: PLR2004 - one MB
        return f"{max(count_bytes / 1e3, 0.1):.1f} kB"
    return f"{count_bytes / 1e6:.1f} MB" if count_bytes < 10**9 else f"{count_bytes / 1e9:.2f} GB"
