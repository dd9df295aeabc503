"""What an operator declares about a pool. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo


class WakeOn(StrEnum):
    """Which stage of a job wakes a sleeping pool. `prepare` hides the time of preparing in the cold start."""

    PREPARE = "prepare"
    TRANSCRIBE = "transcribe"


class Fallback(StrEnum):
    """How many replicas a pool has once nothing has been known about its work for ten minutes; a number is the third choice."""

    HOLD = "hold"
    MIN = "min"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Other bounds during a window of the week. A window whose end is not after its start ends on the next day."""

    days: frozenset[int]  # Monday is 0; the day on which the window starts
    start: time
    end: time
    time_zone: str = "UTC"
    min_replicas: int | None = None
    max_replicas: int | None = None

    def covers(self, now_s: float) -> bool:
        local = datetime.fromtimestamp(now_s, UTC).astimezone(ZoneInfo(self.time_zone))
        today, clock = local.weekday(), local.time()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        yesterday = (today - 1) % 7
        return (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.end)


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """One pool of workers. Replicas of a pool are alike.

    `targets_s` has the priorities in the order in which they are served, each with the seconds within which its backlog is to be
    cleared. `slots` is how many units of work a replica works on at once. `speed` (seconds of audio per second of one replica) and
    `cold_start_s` (from the request for a replica until it is ready) are used until they have been measured. With `drain_busy` a replica that
    works may be told to drain; it goes once it has ended its work.
    """

    targets_s: Mapping[str, float]
    max_replicas: int
    min_replicas: int = 0
    slots: int = 1
    speed: float = 1.0
    cold_start_s: float = 60.0
    headroom: float = 1.1
    up_stabilisation_s: float = 10.0
    down_stabilisation_s: float = 300.0
    cooldown_s: float = 300.0
    wake_on: WakeOn = WakeOn.TRANSCRIBE
    fallback: Fallback | int = Fallback.HOLD
    node_autoscaling: bool = False
    drain_busy: bool = False
    schedules: tuple[Schedule, ...] = ()
    pin: int | None = None
    paused: bool = False
    paused_scale_in: bool = False
    paused_scale_out: bool = False

    def bounds(self, now_s: float) -> tuple[int, int]:
        """The least and the most replicas now: of the first schedule that covers this time, otherwise the pool's own."""
        low, high = self.min_replicas, self.max_replicas
        for schedule in self.schedules:
            if schedule.covers(now_s):
                low = low if schedule.min_replicas is None else schedule.min_replicas
                high = high if schedule.max_replicas is None else schedule.max_replicas
                break
        return min(low, high), high
