"""The memory of a pool survives a restart, and damage."""

from __future__ import annotations

import json

import pools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pools import NOW_S
from voicepipe_autoscaler.memory import Memory, recommended

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=1000, deadline=None)
@given(pools.memories())
def test_a_memory_is_read_as_it_was_written(memory):
    assert Memory.from_json(json.loads(json.dumps(memory.to_json(), allow_nan=False))) == memory


def test_a_whole_number_is_read_as_a_float():
    """The API server writes 5.0 as 5."""
    assert Memory.from_json({"version": 1, "speed": 5}) == Memory(speed=5.0)


@pytest.mark.parametrize("name", [*Memory.__slots__, "version", "another"])
@settings(max_examples=30, deadline=None)
@given(value=json_values)
def test_a_damaged_memory_is_forgotten_and_nothing_fails(name, value):
    read = Memory.from_json({**json.loads(json.dumps(Memory(speed=2.0).to_json())), name: value})
    assert isinstance(read, Memory)
    json.dumps(read.to_json(), allow_nan=False)


@pytest.mark.parametrize("found", [None, [], "text", {}, {"version": 2, "speed": 2.0}])
def test_what_is_no_memory_of_this_version_is_forgotten(found):
    assert Memory.from_json(found) == Memory()


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 10)), min_size=1, max_size=40))
def test_the_first_recommendation_is_the_largest_of_the_window(steps):
    memory, now_s, every = Memory(), NOW_S, []
    for pause_s, replicas in steps:
        now_s += pause_s
        every.append((now_s, replicas))
        memory = Memory(recommendations=recommended(memory, now_s, 300.0, replicas))
        assert memory.recommendations[0][1] == max(count for at_s, count in every if at_s > now_s - 300.0)
    assert len(memory.recommendations) <= 11


def test_a_memory_stays_small():
    memory = Memory()
    for second in range(3000):
        memory = Memory(recommendations=recommended(memory, NOW_S + second, 300.0, 1000 - second % 1000))
    assert len(json.dumps(memory.to_json())) < 10_000
