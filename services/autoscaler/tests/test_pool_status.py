"""The status and the events of a WorkerPool."""

from dataclasses import replace

import pytest
from pools import NOW_S
from voicepipe_autoscaler.decision import Condition
from voicepipe_autoscaler.operator.status import (
    HISTORY,
    duration,
    event_of,
    events_of_conditions,
    is_worth_writing,
    stalled_status,
    status_after,
    timestamp,
)
from worker_pools import a_pass, worker_pool


def condition(status, name):
    return next(one for one in status["conditions"] if one["type"] == name)


def test_the_columns_answer_what_an_operator_asks():
    status = status_after(worker_pool(), a_pass(2, standard_s=7200), "a=b")
    assert status["ready"] == "2/2"
    assert status["desiredReplicas"] == 4
    assert status["backlog"] == "2h00m"
    assert status["speed"] == "4.0x"
    assert status["reason"] == "ScaledUp"
    assert "2 -> 4" in status["message"]
    assert status["selector"] == "a=b"
    assert status["observedGeneration"] == 3


def test_the_history_has_the_last_changes_with_their_sums():
    status = {}
    for _ in range(HISTORY + 2):
        status = status_after(replace(worker_pool(), status=status), a_pass(2, standard_s=7200), "")
    assert len(status["history"]) == HISTORY
    newest = status["history"][0]
    assert (newest["from"], newest["to"], newest["reason"]) == (2, 4, "ScaledUp")
    assert newest["message"] == status["message"]
    quiet = status_after(replace(worker_pool(), status=status), a_pass(2), "")
    assert quiet["history"] == status["history"]
    assert quiet["lastScaleTime"] == status["lastScaleTime"] == timestamp(NOW_S)


def test_a_condition_keeps_its_time_until_it_changes():
    before = status_after(worker_pool(), a_pass(2), "")
    long_ago = "2020-01-01T00:00:00Z"
    for one in before["conditions"]:
        one["lastTransitionTime"] = long_ago
    after = status_after(replace(worker_pool(), status=before), a_pass(2, standard_s=7200), "")
    assert condition(after, "Stalled")["lastTransitionTime"] == long_ago
    assert condition(after, "Ready")["status"] == "False"
    assert condition(after, "Ready")["lastTransitionTime"] == timestamp(NOW_S)


def test_tools_that_wait_for_objects_see_whether_this_one_is_settled():
    for done, settled in ((a_pass(2, standard_s=100), True), (a_pass(2, standard_s=7200), False)):
        status = status_after(worker_pool(), done, "")
        assert condition(status, "Ready")["status"] == str(settled)
        assert condition(status, "Reconciling")["status"] == str(not settled)
        assert condition(status, "Stalled")["status"] == "False"


def test_a_stalled_pool_keeps_its_figures_and_says_why():
    before = status_after(worker_pool(), a_pass(2), "")
    after = stalled_status(before, 4, Condition("Conflict", True, "TwoScalers", "hpa x scales it too"), NOW_S)
    assert condition(after, "Conflict")["status"] == condition(after, "Stalled")["status"] == "True"
    assert after["message"] == "hpa x scales it too"
    assert after["history"] == before["history"]
    assert after["observedGeneration"] == 4
    again = status_after(replace(worker_pool(), status=after), a_pass(2), "")
    assert condition(again, "Stalled")["status"] == "False"
    assert "Conflict" not in {one["type"] for one in again["conditions"]}


def test_figures_that_always_move_are_written_seldom_and_changes_at_once():
    before = status_after(worker_pool(), a_pass(2, standard_s=100), "")
    moved = {**before, "backlog": "1m39s", "backlogSeconds": 99, "memory": {"version": 1}}
    assert not is_worth_writing(before, moved, 4.9)
    assert is_worth_writing(before, moved, 5.1)
    remembered = {**before, "memory": {"version": 1}}
    assert not is_worth_writing(before, remembered, 30)
    assert is_worth_writing(before, remembered, 61)
    assert is_worth_writing(before, {**before, "desiredReplicas": 9}, 0.0)
    assert not is_worth_writing(before, before, 3600)


def test_each_change_of_the_replicas_is_one_event_with_its_sum():
    assert event_of(a_pass(2)) is None
    event = event_of(a_pass(2, standard_s=7200))
    assert event is not None
    assert (event.reason, event.kind) == ("ScaledUp", "Normal")
    assert event.note.startswith("2 -> 4: 7,200 s of audio")


def test_a_bad_condition_is_one_warning_when_it_begins():
    good = status_after(worker_pool(), a_pass(2), "")["conditions"]
    bad = [{**one, "status": "True"} if one["type"] == "SLOAtRisk" else one for one in good]
    assert [event.kind for event in events_of_conditions(good, bad)] == ["Warning"]
    assert events_of_conditions(bad, bad) == []
    assert events_of_conditions(bad, good) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (12.4, "12s"), (59.6, "1m00s"), (200, "3m20s"), (3720, "1h02m"), (90_000, "25h00m")],
)
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text
