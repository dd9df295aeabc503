"""Recordings as the pipeline works on them: prepared, cut into units, at most a window of which is queued at a time."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from .trace import Recording

START_S = 0.2  # what it takes to start a job in its stage, and to assemble it at the end
PREMIUM_PULLS = 5  # of so many pulls, all but one look for premium work first


@dataclass(slots=True)
class Job:
    recording: Recording
    lengths_s: deque[float]
    prepared: bool = False
    started: bool = False
    left_s: float = 0.0
    finished_at_s: float | None = None

    @property
    def priority(self) -> str:
        return self.recording.priority


@dataclass(slots=True, eq=False)
class Unit:
    """One command: a chunk, an indivisible recording, or the start of a job (no audio)."""

    job: Job
    audio_s: float


def job_of(recording: Recording, chunk_s: float | None) -> Job:
    if chunk_s is None:
        return Job(recording, deque([recording.audio_s]), left_s=recording.audio_s)
    count = math.ceil(recording.audio_s / chunk_s)
    return Job(recording, deque([recording.audio_s / count] * count), left_s=recording.audio_s)


@dataclass(slots=True)
class Queue:
    """The stream with its two consumers. Four of five pulls try premium first, one tries standard first."""

    waiting: dict[str, deque[Unit]] = field(default_factory=lambda: {"premium": deque(), "standard": deque()})
    pulls: int = 0

    def put(self, unit: Unit) -> None:
        self.waiting[unit.job.priority].append(unit)

    def pull(self) -> Unit | None:
        order = ("standard", "premium") if self.pulls % PREMIUM_PULLS == PREMIUM_PULLS - 1 else ("premium", "standard")
        for priority in order:
            if self.waiting[priority]:
                self.pulls += 1
                return self.waiting[priority].popleft()
        return None

    def __len__(self) -> int:
        return sum(len(units) for units in self.waiting.values())
