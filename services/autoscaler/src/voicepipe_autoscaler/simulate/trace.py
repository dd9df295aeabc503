"""A trace: when which recording arrived, one JSON object on each line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

PRIORITIES = ("premium", "standard")


@dataclass(frozen=True, slots=True)
class Recording:
    """`at_s` counts from the start of the trace."""

    at_s: float
    audio_s: float
    priority: str
    pool: str


class BadTrace(ValueError):
    """A line of a trace is not a recording."""


def read(lines: Iterable[str]) -> list[Recording]:
    recordings = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            recording = Recording(
                float(found["at_s"]), float(found["audio_s"]), str(found["priority"]), str(found["pool"])
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadTrace(f"line {number}: {error!r}") from error
        if recording.at_s < 0 or recording.audio_s <= 0:
            raise BadTrace(f"line {number}: at_s is below zero, or audio_s is not above it")
        if recording.priority not in PRIORITIES:
            raise BadTrace(f"line {number}: the priority is one of {', '.join(PRIORITIES)}")
        recordings.append(recording)
    return sorted(recordings, key=lambda one: one.at_s)
