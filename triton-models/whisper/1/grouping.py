"""Rows of a batch: which may share a call, and how a call that raises is narrowed down to the bad row."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
T = TypeVar("T")


def grouped(rows: Iterable[int], key: Callable[[int], Key]) -> Mapping[Key, list[int]]:
    """The rows by key, in order; groups are in order of their first row."""
    groups: dict[Key, list[int]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def bisected(
    rows: Sequence[int], call: Callable[[Sequence[int]], Sequence[T]]
) -> tuple[dict[int, T], dict[int, Exception]]:
    """The results and the exceptions by row; every row has one of the two.

    `call` returns a result for each of its rows, or raises. Rows that raise together are halved until the bad one is
    isolated: one bad row among n costs about 2 log2(n) more calls, and every other row gets its result.
    """
    if not rows:
        return {}, {}
    try:
        return dict(zip(rows, call(rows), strict=True)), {}
    except Exception as error:  # noqa: BLE001 - whatever the engine raises belongs to one row
        if len(rows) == 1:
            return {}, {rows[0]: error}
    middle = len(rows) // 2
    left, right = bisected(rows[:middle], call), bisected(rows[middle:], call)
    return left[0] | right[0], left[1] | right[1]
