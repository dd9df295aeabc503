"""What is remembered of a pool between two decisions. Pure; it lives in the status of the pool, so that a restart continues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Self

VERSION = 1
COLD_STARTS = 10


@dataclass(frozen=True, slots=True)
class Step:
    """The last step up: `after` was asked instead of `before`; `at_s` is when it last grew."""

    at_s: float
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Times are seconds since 1970. `arrivals` is in seconds of audio per second, by priority.

    `recommendations` has, of the last stabilisation window, only those that may still be its maximum: each is less than the one
    before.
    """

    arrivals: Mapping[str, float] = field(default_factory=dict)
    speed: float | None = None
    busy_s: float = 0.0  # replica seconds from which the speed was learnt
    seconds_per_unit: float | None = None
    cold_starts_s: tuple[float, ...] = ()
    started: tuple[str, ...] = ()  # replicas whose cold start has been counted
    learnt_at_s: float | None = None
    decided_at_s: float | None = None
    recommendations: tuple[tuple[float, int], ...] = ()
    short_since_s: float | None = None
    step: Step | None = None
    last_done_s: float | None = None
    first_ready_s: float | None = None
    quiet_since_s: float | None = None
    unknown_since_s: float | None = None
    missing_since_s: float | None = None  # pods that were asked for and not created

    def to_json(self) -> dict[str, object]:
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, found: object) -> Self:
        """The memory that `to_json` wrote. Anything else is forgotten: a pool that starts anew is better than none."""
        if not isinstance(found, dict) or found.get("version") != VERSION:
            return cls()
        known = {name: value for name, value in found.items() if name != "version" and value is not None}
        try:
            return cls(**{name: _READ.get(name, _number)(value) for name, value in known.items()})
        except (KeyError, OverflowError, TypeError, ValueError):
            return cls()


def recommended(memory: Memory, now_s: float, window_s: float, replicas: int) -> tuple[tuple[float, int], ...]:
    """The recommendations with one more; the first of them is the largest of the window."""
    kept = [(at_s, count) for at_s, count in memory.recommendations if at_s > now_s - window_s and count > replicas]
    return (*kept, (now_s, replicas))


def since(before_s: float | None, now_s: float) -> float:
    """When something that goes on began: now, unless it had begun before."""
    return now_s if before_s is None else before_s


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no count")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _arrivals(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no object")
    return {str(priority): _number(rate) for priority, rate in value.items()}


def _recommendation(value: object) -> tuple[float, int]:
    at_s, replicas = _list(value)
    return _number(at_s), _count(replicas)


def _step(value: object) -> Step:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no object")
    return Step(_number(value["at_s"]), _count(value["before"]), _count(value["after"]))


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no name")
    return value


_READ: Mapping[str, Callable[[object], Any]] = {
    "arrivals": _arrivals,
    "cold_starts_s": lambda value: tuple(_number(one) for one in _list(value)),
    "started": lambda value: tuple(_name(one) for one in _list(value)),
    "recommendations": lambda value: tuple(_recommendation(one) for one in _list(value)),
    "step": _step,
}
