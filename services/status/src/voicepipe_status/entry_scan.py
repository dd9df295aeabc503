"""Searches the stream of dead letters. It has an index of stages only, so other criteria mean reading entry by entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voicepipe_wire.messaging.stream_reader import StreamReader
from voicepipe_wire.messaging.subjects import dead_letter

from .entries import Entry, EntryFilter, read

# Read by one request to the broker, and by one scan.
BATCH = 500
MAX_READ = 5000


@dataclass(frozen=True, slots=True)
class Scanned:
    """`after` is the sequence after which the next scan starts; None if the end was reached."""

    entries: Sequence[Entry]
    after: int | None


async def scan(reader: StreamReader, criteria: EntryFilter, after: int, limit: int) -> Scanned:
    """Up to `limit` selected entries after a sequence, oldest first; fewer if `MAX_READ` entries were read before.

    Raises:
        Unavailable: the stream cannot be read.
    """
    found: list[Entry] = []
    size, were_read = BATCH if criteria.needs_reading else limit + 1, 0
    while were_read < MAX_READ:
        batch = await reader.page(subject_of(criteria), after + 1, size)
        for entry in map(read, batch):
            if criteria.selects(entry):
                if len(found) == limit:
                    return Scanned(found, after)
                found.append(entry)
            after = entry.sequence
        if len(batch) < size:
            return Scanned(found, None)
        were_read += len(batch)
    return Scanned(found, after)


def subject_of(criteria: EntryFilter) -> str:
    return dead_letter(criteria.stage or "*")
