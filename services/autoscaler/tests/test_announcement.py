"""What the autoscaler tells others of a pool: above all when it can work."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pools
import pytest
from hypothesis import given, settings
from pools import NOW_S, pods, pool, seen, settled
from voicepipe_autoscaler.control.announcement import pool_state
from voicepipe_autoscaler.decide import decide
from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.observation import Observation, Pod
from voicepipe_autoscaler.pool import PoolSpec, Schedule
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.v1.scaling_pb2 import PoolState

FAST = Queue("transcribe", "fast")
DRAINED = {"draining": True, "deletion_cost": -1000}
thousand = settings(max_examples=1000, deadline=None)


def announced(observation: Observation, spec: PoolSpec | None = None, memory: Memory | None = None) -> PoolState:
    spec = spec or pool()
    return pool_state(FAST, spec, observation, decide(spec, observation, memory or settled(observation.replicas)))


def asleep(**spec) -> PoolState:
    return announced(seen(0, pods=()), pool(**spec))


def ready_in_s(state: PoolState) -> float | None:
    return state.ready_in_s if state.HasField("ready_in_s") else None


def test_a_pool_at_work_is_ready_now():
    state = announced(seen(2))
    assert (state.stage, state.pool, state.at_s) == ("transcribe", "fast", NOW_S)
    assert (state.replicas, state.ready, ready_in_s(state)) == (2, 2, 0.0)


def test_a_pool_that_sleeps_is_ready_one_cold_start_after_work_arrives():
    state = asleep(cold_start_s=20.0)
    assert (state.replicas, state.ready, ready_in_s(state)) == (0, 0, 20.0)
    assert (state.reason, state.cold_start_s) == ("Asleep", 20.0)


def test_of_a_cold_start_under_way_the_rest_is_left():
    waking = announced(seen(0, pods=(), standard_s=100))
    assert (waking.replicas, waking.ready, ready_in_s(waking)) == (1, 0, 20.0)
    assert ready_in_s(announced(seen(1, pods=(Pod("new", NOW_S - 12),), standard_s=100))) == 8.0


def test_a_replica_that_goes_with_this_decision_is_not_ready():
    memory = settled(1, quiet_since_s=NOW_S - 400)
    state = announced(seen(1, pods=pods(1, **DRAINED)), memory=memory)
    assert state.reason == "ScaledToZero"
    assert (state.replicas, state.ready, ready_in_s(state)) == (0, 0, 20.0)


@pytest.mark.parametrize("spec", [{"paused": True}, {"paused_scale_out": True}, {"pin": 0}, {"max_replicas": 0}])
def test_a_pool_that_sleeps_and_may_not_wake_is_never_ready(spec):
    assert ready_in_s(asleep(**spec)) is None


def test_replicas_that_are_lost_are_never_ready():
    hopeless = Pod("new", NOW_S - 70, node="", phase="Pending")
    assert ready_in_s(announced(seen(1, pods=(hopeless,), standard_s=100))) is None


def test_the_bounds_are_those_of_this_hour():
    weekday = datetime.fromtimestamp(NOW_S, UTC).weekday()
    all_day = Schedule(frozenset({weekday}), time(0), time(23, 59), min_replicas=1, max_replicas=3)
    state = asleep(schedules=(all_day,))
    assert (state.min_replicas, state.max_replicas) == (1, 3)


@thousand
@given(pools.specs(), pools.observations(), pools.memories())
def test_a_pool_is_ready_now_if_a_replica_is_and_otherwise_within_one_cold_start(spec, observation, memory):
    state = announced(observation, spec, memory)
    assert 0 <= state.ready <= state.replicas
    left_s = ready_in_s(state)
    if state.ready:
        assert left_s == 0
    else:
        assert left_s is None or 0 <= left_s <= state.cold_start_s
