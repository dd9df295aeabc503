"""A schedule changes the bounds during a window of the week, in the time of its place."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from pools import pool
from voicepipe_autoscaler.pool import Schedule

WEEKDAYS = frozenset(range(5))
OFFICE = Schedule(WEEKDAYS, time(8), time(18), "Europe/Berlin", min_replicas=2, max_replicas=8)
NIGHT = Schedule(frozenset({4}), time(22), time(6), min_replicas=0, max_replicas=1)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "covered"),
    [
        ("2026-11-26 06:59", False),  # Thursday, 7:59 in Berlin
        ("2026-11-26 07:00", True),
        ("2026-11-26 16:59", True),
        ("2026-11-26 17:00", False),
        ("2026-07-23 06:00", True),  # summer time
        ("2026-11-28 12:00", False),  # Saturday
    ],
)
def test_a_window_is_one_of_local_time_and_of_its_days(moment, covered):
    assert OFFICE.covers(at(moment)) == covered


@pytest.mark.parametrize(
    ("moment", "covered"),
    [
        ("2026-11-27 21:59", False),
        ("2026-11-27 22:00", True),  # Friday
        ("2026-11-28 05:59", True),
        ("2026-11-28 06:00", False),
        ("2026-11-28 22:00", False),
    ],
)
def test_a_window_that_passes_midnight_belongs_to_the_day_on_which_it_starts(moment, covered):
    assert NIGHT.covers(at(moment)) == covered


def test_the_first_window_that_covers_a_moment_counts():
    spec = pool(min_replicas=1, max_replicas=4, schedules=(NIGHT, OFFICE))
    assert spec.bounds(at("2026-11-27 23:00")) == (0, 1)
    assert spec.bounds(at("2026-11-27 12:00")) == (2, 8)
    assert spec.bounds(at("2026-11-29 12:00")) == (1, 4)


def test_a_window_may_change_one_bound_and_never_turns_them_round():
    spec = pool(min_replicas=3, max_replicas=4, schedules=(Schedule(WEEKDAYS, time(0), time(12), max_replicas=2),))
    assert spec.bounds(at("2026-11-26 06:00")) == (2, 2)
