"""How many seconds of audio wait in each stage, arrive and get done. Pure.

The number of commands does not say it: a job has at most a window of chunks in the stream, and a chunk of a clip counts as
much as one of a meeting. So the sums go over the stages of all jobs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from voicepipe_wire.jobs.stages import Stage

CHUNK_S = 25.0  # what a chunk of a long recording usually holds: `prepare/chunking.py` allows 28 s
UNKNOWN_PACE = 1 / 16_000  # seconds of audio per byte, at 128 kbit/s, until a recording has been prepared


@dataclass(frozen=True, slots=True, order=True)
class QueueKey:
    """One priority of a stage; `pool` is empty except for `transcribe`."""

    stage: str
    pool: str
    priority: str


@dataclass(frozen=True, slots=True)
class ActiveStage:
    """A stage that is queued or running, or, in `measure`, one that has just been done.

    `estimated_s` is the length of the recording as estimated from its size; `duration_s` and `speech_s` are None until it has
    been prepared. `waits_s` is the time since the stage was queued.
    """

    job_id: UUID
    stage: Stage
    running: bool
    priority: str
    pool: str
    done_s: float
    total_s: float
    duration_s: float | None
    speech_s: float | None
    estimated_s: float
    diarize: bool
    waits_s: float
    ended_at_s: float | None = None

    @property
    def key(self) -> QueueKey:
        return QueueKey(self.stage, self.pool if self.stage is Stage.TRANSCRIBE else "", self.priority)

    @property
    def length_s(self) -> float:
        """The audio that this stage has to process."""
        if self.stage is Stage.PREPARE:
            return self.duration_s or max(self.total_s, self.estimated_s)
        if self.stage is Stage.TRANSCRIBE:
            return self.speech_s or 0.0
        return self.duration_s or 0.0

    @property
    def left_s(self) -> float:
        return max(self.length_s - self.done_s, 0.0)


@dataclass(slots=True)
class Sums:
    left_s: float = 0.0
    arriving_s: float = 0.0
    jobs: int = 0
    upstream_jobs: int = 0
    expected_commands: int = 0
    oldest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What one pass saw, for the rates of the next."""

    at_s: float
    done_s: Mapping[tuple[UUID, Stage], float]
    ended: frozenset[tuple[UUID, Stage, float | None]]


@dataclass(slots=True)
class Rates:
    """In seconds of audio per second, over `interval_s`; all 0 without an earlier pass."""

    interval_s: float = 0.0
    arrived: dict[QueueKey, float] = field(default_factory=lambda: defaultdict(float))
    done: dict[QueueKey, float] = field(default_factory=lambda: defaultdict(float))


def backlog(active: Iterable[ActiveStage], window_chunks: int) -> dict[QueueKey, Sums]:
    """The work of each queue that has any. A job in `prepare` is also on its way to `transcribe` and `diarize`."""
    sums: dict[QueueKey, Sums] = defaultdict(Sums)
    for one in active:
        queue = sums[one.key]
        queue.left_s += one.left_s
        queue.jobs += 1
        queue.oldest_s = max(queue.oldest_s, one.waits_s)
        if one.stage is Stage.TRANSCRIBE and not one.running:
            queue.expected_commands += _chunks(one.length_s, window_chunks)
        elif one.stage is Stage.PREPARE:
            _on_its_way(
                sums[QueueKey(Stage.TRANSCRIBE, one.pool, one.priority)], one, _chunks(one.length_s, window_chunks)
            )
            if one.diarize:
                _on_its_way(sums[QueueKey(Stage.DIARIZE, "", one.priority)], one, 1)
    return dict(sums)


def measure(
    before: Seen | None, at_s: float, active: Iterable[ActiveStage], ended: Iterable[ActiveStage]
) -> tuple[Rates, Seen]:
    """The rates since the pass `before`, and what this pass saw.

    `ended` are the stages that were done lately; each counts once, in the first pass that sees it. A stage that starts again
    takes back nothing: what was done was done.
    """
    running, just_ended = list(active), list(ended)
    seen = Seen(
        at_s,
        {(one.job_id, one.stage): one.done_s for one in running},
        frozenset((one.job_id, one.stage, one.ended_at_s) for one in just_ended),
    )
    if before is None or at_s <= before.at_s:
        return Rates(), seen
    rates = Rates(at_s - before.at_s)
    for one in running:
        _count(rates, before, one, one.done_s)
    for one in just_ended:
        if (one.job_id, one.stage, one.ended_at_s) not in before.ended:
            _count(rates, before, one, one.length_s)
    return rates, seen


def in_flight_s(key: QueueKey, left_s: float, pending: int, in_flight: int) -> float:
    """An estimate of the audio that workers have in flight: chunks of the usual length, or an equal part for each command."""
    if key.stage == Stage.TRANSCRIBE:
        return min(left_s, in_flight * CHUNK_S)
    return left_s * in_flight / (pending + in_flight) if in_flight else 0.0


def estimate_s(size_bytes: int, media_type: str, paces: Mapping[str, tuple[float, float]], longest_s: float) -> float:
    """The length of a recording that is not decoded yet.

    `paces` has, by media type, the seconds and the bytes of recordings that were prepared lately. Without one of this type all
    types together decide.
    """
    seconds, size = paces.get(media_type) or (
        sum(one for one, _ in paces.values()),
        sum(one for _, one in paces.values()),
    )
    return min(size_bytes * (seconds / size if seconds and size else UNKNOWN_PACE), longest_s)


def _count(rates: Rates, before: Seen, one: ActiveStage, done_s: float) -> None:
    done_before_s = before.done_s.get((one.job_id, one.stage))
    if done_before_s is None:
        rates.arrived[one.key] += one.length_s / rates.interval_s
    rates.done[one.key] += max(done_s - (done_before_s or 0.0), 0.0) / rates.interval_s


def _on_its_way(queue: Sums, one: ActiveStage, commands: int) -> None:
    queue.arriving_s += one.length_s
    queue.upstream_jobs += 1
    queue.expected_commands += commands


def _chunks(audio_s: float, window_chunks: int) -> int:
    return min(max(math.ceil(audio_s / CHUNK_S), 1), window_chunks)
