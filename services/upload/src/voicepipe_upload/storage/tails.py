"""The bytes at the end of an unfinished upload that are too few for a part: a list of small objects, merged rarely. Pure.

Each request adds one object with its own bytes, so a client that sends small pieces does not move the whole tail again each time.
The list stays short by merging, as log-structured storage does: sizes have levels, each eight times the one before, and a byte is
written again only when its object reaches a higher level. So a byte is written at most once for each level from the size of the pieces
up to a part (four times for pieces of 4 KiB), and there are at most seven objects of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_LEVEL_BITS: Final = 3
# As many objects of one level become one of the next.
_MERGED: Final = 2**_LEVEL_BITS


@dataclass(frozen=True, slots=True)
class Tail:
    key: str
    size_bytes: int


def tails_of(row: Any) -> tuple[Tail, ...]:
    """The tails of a row of `uploads`, in order.

    A replica of the previous version knows one tail, `tail_key`, and leaves `tails` as it was. It refuses an upload with several.
    """
    tails = tuple(Tail(**tail) for tail in row["tails"])
    if (tails[-1].key if tails else None) == row["tail_key"]:
        return tails
    return (Tail(row["tail_key"], row["tail_bytes"]),) if row["tail_key"] else ()


def kept(sizes_bytes: Sequence[int], new_bytes: int) -> int:
    """How many of the tails stay as they are if `new_bytes` follow. The rest is merged with those bytes into one object."""
    staying, merged = len(sizes_bytes), new_bytes
    while True:
        while staying and _level(sizes_bytes[staying - 1]) < _level(merged):
            staying -= 1
            merged += sizes_bytes[staying]
        equal = 0
        while equal < staying and _level(sizes_bytes[staying - 1 - equal]) == _level(merged):
            equal += 1
        if equal < _MERGED - 1:
            return staying
        merged += sum(sizes_bytes[staying - equal : staying])
        staying -= equal


def _level(size_bytes: int) -> int:
    return (size_bytes.bit_length() - 1) // _LEVEL_BITS
