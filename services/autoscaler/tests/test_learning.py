"""Arrivals, speed and cold starts are learnt from what is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pools import NOW_S, pods, pool, seen
from voicepipe_autoscaler.learning import cold_start_s, learn, percentile, speed
from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.observation import Pod, Work


def watched(seconds: int, *, done: float = 0.0, busy: float = 0.0, arrived: float = 0.0, spec=None, memory=None):
    memory = memory or Memory()
    for second in range(0, seconds + 1, 5):
        now_s = NOW_S + second
        work = {"standard": Work(done_s_per_s=done, arrived_s_per_s=arrived)}
        observation = replace(
            seen(0), now_s=now_s, snapshot_at_s=now_s, counts_at_s=now_s, work=work, busy_replicas=busy
        )
        memory = learn(observation, spec or pool(), memory)
    return memory


def test_the_speed_is_the_declared_one_until_a_replica_has_worked_for_half_a_minute():
    assert speed(pool(), watched(25, done=8.0, busy=1.0)) == 4.0
    assert speed(pool(), watched(35, done=8.0, busy=1.0)) > 4.0


def test_the_speed_comes_from_busy_time_alone():
    memory = watched(1200, done=3.0, busy=0.5)
    assert speed(pool(), memory) == pytest.approx(6.0, rel=0.02)
    assert speed(pool(), watched(3600, memory=replace(memory, learnt_at_s=None))) == speed(pool(), memory)


@pytest.mark.parametrize(("done", "believed"), [(1000.0, 16.0), (0.0, 1.0)])
def test_a_speed_that_cannot_be_is_believed_up_to_four_times(done, believed):
    assert speed(pool(), watched(3600, done=done, busy=1.0)) == believed


def test_arrivals_are_averaged_over_two_minutes():
    after_two_minutes = watched(120, arrived=10.0).arrivals["standard"]
    assert after_two_minutes == pytest.approx(10 * (1 - 1 / 2.71828), rel=0.01)
    quiet = watched(1200, memory=Memory(arrivals={"standard": 10.0}))
    assert quiet.arrivals["standard"] < 0.01


def test_a_gap_in_the_snapshots_counts_for_a_minute_at_most():
    before = Memory(learnt_at_s=NOW_S - 86_400)
    after = learn(seen(0, work={"standard": Work(arrived_s_per_s=10.0)}), pool(), before)
    assert after.arrivals["standard"] == pytest.approx(10 * (1 - 1 / 2.71828**0.5), rel=0.01)


def test_the_same_snapshot_again_teaches_nothing():
    first = learn(seen(1, standard_s=100, busy_replicas=1.0), pool(), Memory(learnt_at_s=NOW_S - 5))
    assert learn(replace(seen(1, standard_s=100, busy_replicas=1.0), now_s=NOW_S + 4), pool(), first) == first


def test_each_cold_start_counts_once_and_the_last_ten_are_kept():
    memory = Memory()
    for number in range(12):
        asked_at_s = NOW_S + 100 * number
        some = tuple(Pod(f"pod-{one}", NOW_S + 100 * one, NOW_S + 100 * one + 10 + one) for one in range(number + 1))
        for _ in range(2):
            memory = learn(replace(seen(number + 1), now_s=asked_at_s + 50, pods=some), pool(), memory)
    assert memory.cold_starts_s == tuple(float(10 + number) for number in range(2, 12))
    assert cold_start_s(pool(), memory) == 20.0


def test_a_pod_that_becomes_ready_again_is_no_cold_start():
    memory = learn(seen(2), pool(), Memory())
    away = learn(seen(2, pods=pods(2, ready_at_s=None)), pool(), memory)
    back = learn(seen(2, pods=pods(2, ready_at_s=NOW_S)), pool(), away)
    assert back.cold_starts_s == memory.cold_starts_s == (60.0, 60.0)


def test_the_declared_cold_start_counts_until_one_was_seen():
    assert cold_start_s(pool(cold_start_s=77.0), Memory()) == 77.0
    assert cold_start_s(pool(cold_start_s=77.0), Memory(cold_starts_s=(5.0,))) == 5.0


@pytest.mark.parametrize(("values", "part", "found"), [([1], 0.9, 1), (range(1, 11), 0.9, 9), ([3, 1, 2], 0.5, 2)])
def test_a_percentile_is_a_value_that_was_seen(values, part, found):
    assert percentile(list(values), part) == found


def test_a_pool_is_first_ready_again_after_it_has_slept():
    memory = learn(seen(2), pool(), Memory())
    assert memory.first_ready_s == NOW_S - 600
    asleep = learn(seen(0), pool(), memory)
    assert asleep.first_ready_s is None
    woken = learn(seen(1, pods=(Pod("pod", NOW_S - 30, NOW_S - 3),)), pool(), asleep)
    assert woken.first_ready_s == NOW_S - 3
