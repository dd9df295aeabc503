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


def eta_s(
    stages: Sequence[StageProgress],
    *,
    duration_s: float | None,
    speech_s: float | None,
    speeds: Speeds,
    now: datetime,
) -> float | None:
    """Seconds until the job is done if nothing else joins the queue; None if a speed or length is not known yet.

    transcribe and diarize run concurrently, so the longer of them counts.
    """
    remaining: dict[str, float] = {}
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
        remaining[stage.stage] = audio_left_s / speed if speed else 0.0
    parallel_s = max(remaining.pop("transcribe", 0.0), remaining.pop("diarize", 0.0))
    return round(parallel_s + sum(remaining.values()), 1)


def _own_speed(stage: StageProgress, now: datetime) -> float | None:
    if stage.started_at is None or stage.state != "running":
        return None
    elapsed_s = (now - stage.started_at).total_seconds()
    if elapsed_s <= 0 or not stage.total_s or stage.done_s < MIN_OWN_PROGRESS * stage.total_s:
        return None
    return stage.done_s / elapsed_s
