"""Progress for people: lines, and the state of a download."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

_REDRAW_S = 0.2
_LINE_EVERY_S = 5.0
_MB_BYTES, _GB_BYTES = 10**6, 10**9


@dataclass(frozen=True, slots=True)
class Reporter:
    say: Callable[[str], None]
    """Prints a line."""
    progress: Callable[[int, int | None], None]
    """Takes the bytes done and the total, if known, of what the last line named. Called often."""


def by_lines(say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Reporter:
    """For a log: one progress line every 5 s."""
    next_s = 0.0

    def line(text: str) -> None:
        nonlocal next_s
        next_s = clock() + _LINE_EVERY_S
        say(text)

    def progress(done_bytes: int, total_bytes: int | None) -> None:
        if clock() >= next_s:
            line(f"  {_amount(done_bytes, total_bytes)}")

    return Reporter(line, progress)


def on_terminal(out: TextIO, clock: Callable[[], float] = time.monotonic) -> Reporter:
    """For a terminal: progress is one line that is redrawn."""
    next_s = 0.0

    def line(text: str) -> None:
        nonlocal next_s
        next_s = clock() + _REDRAW_S
        out.write(f"\r\033[K{text}\n")
        out.flush()

    def progress(done_bytes: int, total_bytes: int | None) -> None:
        nonlocal next_s
        if clock() >= next_s:
            next_s = clock() + _REDRAW_S
            out.write(f"\r\033[K  {_amount(done_bytes, total_bytes)}")
            out.flush()

    return Reporter(line, progress)


def on_stdout() -> Reporter:
    if sys.stdout.isatty():
        return on_terminal(sys.stdout)

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    return by_lines(say)


def silent() -> Reporter:
    return Reporter(lambda _: None, lambda _done_bytes, _total_bytes: None)


def _amount(done_bytes: int, total_bytes: int | None) -> str:
    if not total_bytes:
        return size(done_bytes)
    return f"{size(done_bytes)} of {size(total_bytes)}, {min(100 * done_bytes // total_bytes, 100)} %"


def size(count_bytes: int) -> str:
    """Format a size for people; 1 MB is 1,000,000 bytes."""
    if count_bytes < _MB_BYTES:
        return f"{count_bytes / 1e3:.1f} kB"
    return f"{count_bytes / 1e6:.1f} MB" if count_bytes < _GB_BYTES else f"{count_bytes / 1e9:.2f} GB"
