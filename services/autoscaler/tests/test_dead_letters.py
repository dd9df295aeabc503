"""When the dead letters of a stage grow, when its jobs make no progress, and what the pool says of it."""

from __future__ import annotations

from dataclasses import replace

import pools
from hypothesis import given
from hypothesis import strategies as st
from pools import settled
from voicepipe_autoscaler.control.reconcile import Pass
from voicepipe_autoscaler.dead_letters import WINDOW_S, Counts, DeadLetters
from voicepipe_autoscaler.decide import decide
from voicepipe_autoscaler.operator.status import events_of_conditions, status_after
from worker_pools import worker_pool


def after(*seen: tuple[float, int]) -> DeadLetters:
    counts = Counts()
    for at_s, count in seen:
        counts = counts.plus(at_s, count)
    found = counts.summary("transcribe")
    assert found is not None
    return found


def test_nothing_is_known_before_the_first_count_and_nothing_has_grown_with_it():
    assert Counts().summary("transcribe") is None
    assert after((0, 40)) == DeadLetters("transcribe", 40, 0)


def test_three_more_within_ten_minutes_are_alarming_and_two_are_not():
    assert not after((0, 1), (300, 3)).grow
    assert after((0, 1), (300, 3), (600, 4)) == DeadLetters("transcribe", 4, 3)
    assert after((0, 1), (300, 3), (600, 4)).grow


def test_what_was_more_than_ten_minutes_ago_does_not_count():
    assert after((0, 1), (3, 3), (601, 4)).growth == 1


def test_new_ones_after_a_redrive_count_although_there_are_fewer_than_before():
    assert after((0, 10), (60, 0), (120, 3)) == DeadLetters("transcribe", 3, 3)


@given(st.lists(st.tuples(st.floats(0, 300), st.integers(0, 20)), min_size=1))
def test_the_growth_is_that_over_the_smallest_count_of_the_window(steps):
    seen, at_s = [], 0.0
    for pause_s, count in steps:
        at_s += pause_s
        seen.append((at_s, count))
    within = [count for seen_s, count in seen if seen_s >= at_s - WINDOW_S]
    assert after(*seen).growth == within[-1] - min(within)


def conditions(found: DeadLetters | None, stuck_jobs: int = 0) -> list[dict[str, object]]:
    observation = replace(pools.seen(2), dead_letters=found, stuck_jobs=stuck_jobs)
    done = Pass(observation, decide(pools.pool(), observation, settled(2)))
    return status_after(worker_pool(), done, "")["conditions"]


def test_a_pool_whose_dead_letters_grow_says_how_many_and_where_to_look_and_warns_once():
    before, growing = conditions(DeadLetters("transcribe", 7, 2)), conditions(DeadLetters("transcribe", 8, 3))
    (condition,) = [one for one in growing if one["type"] == "DeadLettersGrowing"]
    assert (condition["status"], condition["reason"]) == ("True", "Growing")
    assert condition["message"] == (
        "3 more dead letters of transcribe within 10 min, 8 in all: voicepipe dead-letters list --stage transcribe"
    )
    (event,) = events_of_conditions(before, growing)
    assert (event.kind, event.reason, event.note) == ("Warning", "Growing", condition["message"])
    assert events_of_conditions(growing, growing) == []
    assert events_of_conditions(growing, before) == []


def test_a_pool_that_knows_no_dead_letters_says_so_and_does_not_warn():
    (condition,) = [one for one in conditions(None) if one["type"] == "DeadLettersGrowing"]
    assert (condition["status"], condition["reason"]) == ("False", "Unknown")


def test_a_pool_whose_stage_has_stuck_jobs_says_how_to_list_them_and_warns_once():
    before, stuck = conditions(None), conditions(None, stuck_jobs=2)
    (condition,) = [one for one in stuck if one["type"] == "JobsStuck"]
    assert (condition["status"], condition["reason"]) == ("True", "NoProgress")
    assert "2 of the stage made no progress for half an hour: voicepipe jobs stuck" in condition["message"]
    (event,) = events_of_conditions(before, stuck)
    assert (event.kind, event.reason, event.note) == ("Warning", "NoProgress", condition["message"])
    assert events_of_conditions(stuck, stuck) == []
