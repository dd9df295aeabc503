"""Tests of the test helpers."""

import pytest

from support.eventually import eventually, eventually_async
from support.sse import Event, events

STREAM = """\
: connected

id: 7
event: stage-changed
data: {"stage": "prepare"}

id: 8

id: 9
event: job-completed
data: {"version":
data: 1}

id: 10
event: cut-off
data: {}
"""


def test_events_are_parsed_as_the_standard_says():
    assert list(events(iter(STREAM.splitlines()))) == [
        Event(7, "stage-changed", {"stage": "prepare"}),
        Event(9, "job-completed", {"version": 1}),
    ]


def test_a_condition_returns_its_first_true_value():
    values = iter([0, None, "there"])
    assert eventually(lambda: next(values)) == "there"


def test_a_condition_that_never_holds_fails_with_a_reason():
    with pytest.raises(TimeoutError, match="not within 0 s: still preparing"):
        eventually(lambda: False, 0, lambda: "still preparing")


async def test_an_async_condition_is_awaited():
    values = iter([False, True])

    async def holds():
        return next(values)

    assert await eventually_async(holds) is True


async def test_an_async_condition_may_be_an_ordinary_function():
    assert await eventually_async(lambda: "there") == "there"


async def test_an_async_condition_that_never_holds_fails_with_a_reason():
    with pytest.raises(TimeoutError, match="not within 0 s: still preparing"):
        await eventually_async(lambda: False, 0.01, lambda: "still preparing")
