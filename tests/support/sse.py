"""A client-side parser of server-sent events (HTML standard, 9.2.6)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    id: int
    type: str
    data: dict[str, Any]


class _Parser:
    """Is fed one line after another. Comments and events without data are dropped."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def feed(self, line: str) -> Event | None:
        """Return an event if the line is empty and ends one."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            self._fields[name] = (
                f"{self._fields['data']}\n{value}" if name == "data" and "data" in self._fields else value
            )
            return None
        fields, self._fields = self._fields, {}
        return Event(int(fields["id"]), fields["event"], json.loads(fields["data"])) if "data" in fields else None


def events(lines: Iterator[str]) -> Iterator[Event]:
    parser = _Parser()
    for line in lines:
        if event := parser.feed(line):
            yield event


async def events_async(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    parser = _Parser()
    async for line in lines:
        if event := parser.feed(line):
            yield event
