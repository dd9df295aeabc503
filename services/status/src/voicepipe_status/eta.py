"""Estimates when a job will be done, from measured speeds only. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

# From this fraction on, a stage's own speed is a better estimate than that of earlier jobs.
MIN_OWN_PROGRESS = 0.1


@dataclass(frozen=True, slots=True)
class StageProgress:
    """`done_s` and `total_s` are seconds of audio; `total_s` is 0 while unknown."""

    stage: str
    state: str
    done_s: float
    total_s: float
    started_at: datetime | None


# stage -> seconds of audio per second of wall time
Speeds = Mapping[str, float]

# stage -> seconds until a worker can begin it, None if none is expected; a stage that is missing waits for nobody
Waits = Mapping[str, float | None]
NO_WAITS: Waits = {}


def eta_s(
    stages: Sequence[StageProgress],
    *,
    duration_s: float | None,
    speech_s: float | None,
    speeds: Speeds,
    now: datetime,
    waits_s: Waits = NO_WAITS,
) -> float | None:
    """Seconds until the job is done if nothing else joins the queue.

    None if a speed or length is not known yet, or if no worker is expected for a stage. transcribe and diarize run concurrently after
    prepare, so the one that ends later counts. A stage that has not begun waits for its workers, while stages before it go on.
    """
    left_s = _left_s(stages, duration_s, speech_s, speeds, now)
    if left_s is None:
        return None
    begun = {stage.stage for stage in stages if stage.state == "running"}
    starts_s = {stage: 0.0 if stage in begun else waits_s.get(stage, 0.0) for stage in left_s}
    if None in starts_s.values():
        return None

    def end_s(stage: str, ready_s: float) -> float:
        return max(ready_s, starts_s.get(stage) or 0.0) + left_s[stage] if stage in left_s else ready_s

    prepared_s = end_s("prepare", 0.0)
    recognized_s = max(end_s("transcribe", prepared_s), end_s("diarize", prepared_s))
    return round(end_s("assemble", recognized_s), 1)


def _left_s(
    stages: Sequence[StageProgress],
    duration_s: float | None,
    speech_s: float | None,
    speeds: Speeds,
    now: datetime,
) -> dict[str, float] | None:
    """How long each unfinished stage will take; None if that is not known of one."""
    left_s: dict[str, float] = {}
    for stage in stages:
        if stage.state in {"done", "skipped"}:
            continue
        audio_s = stage.total_s or (speech_s if stage.stage == "transcribe" else duration_s)
        if audio_s is None:
            return None
        audio_left_s = max(0.0, audio_s - stage.done_s)
        speed = _own_speed(stage, now) or speeds.get(stage.stage)
        if audio_left_s and not speed:
            return None
        left_s[stage.stage] = audio_left_s / speed if speed else 0.0
    return left_s


def _own_speed(stage: StageProgress, now: datetime) -> float | None:
    if stage.started_at is None or stage.state != "running":
        return None
    elapsed_s = (now - stage.started_at).total_seconds()
    if elapsed_s <= 0 or not stage.total_s or stage.done_s < MIN_OWN_PROGRESS * stage.total_s:
        return None
    return stage.done_s / elapsed_s
