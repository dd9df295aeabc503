"""The pods that a ReplicaSet deletes are predicted as its controller chooses them."""

from __future__ import annotations

from dataclasses import replace

import pools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pools import NOW_S
from voicepipe_autoscaler.observation import Pod
from voicepipe_autoscaler.victims import BUSY, DRAINED, IDLE, LONGEST_S, deletion_cost, victims

KEPT = Pod("kept", NOW_S - 50_000, NOW_S - 4000, node="a", uid="m")


def first_of(*pods: Pod) -> str:
    """The same whichever way round they are listed."""
    (one,), (other,) = victims(pods, 1, NOW_S), victims(pods[::-1], 1, NOW_S)
    assert one == other
    return one.name


@pytest.mark.parametrize(
    "gone",
    [
        replace(KEPT, node=""),
        replace(KEPT, phase="Pending"),
        replace(KEPT, phase="Unknown"),
        replace(KEPT, ready_at_s=None),
        replace(KEPT, deletion_cost=-1),
        replace(KEPT, ready_at_s=NOW_S - 1000),
        replace(KEPT, restarts=1),
        replace(KEPT, asked_at_s=NOW_S - 4001),
    ],
)
def test_of_two_pods_that_differ_in_one_thing_the_lesser_goes(gone):
    assert first_of(KEPT, replace(gone, name="gone", uid="z")) == "gone"


def test_what_comes_first_in_the_order_decides():
    cheap = replace(KEPT, name="cheap", deletion_cost=-1000)
    unready = replace(KEPT, name="unready", ready_at_s=None, deletion_cost=2**31 - 1)
    pending = replace(KEPT, name="pending", phase="Pending", ready_at_s=None, deletion_cost=2**31 - 1)
    unassigned = replace(pending, name="unassigned", node="")
    order = victims([KEPT, cheap, unready, pending, unassigned], 5, NOW_S)
    assert [pod.name for pod in order] == ["unassigned", "pending", "unready", "cheap", "kept"]


def test_a_pod_that_shares_its_node_goes_before_one_that_has_its_own():
    young_alone = replace(KEPT, name="young", node="b", ready_at_s=NOW_S - 10)
    together = [replace(KEPT, name=f"old {number}", uid=str(number)) for number in range(2)]
    assert [pod.name for pod in victims([young_alone, *together], 3, NOW_S)] == ["old 0", "old 1", "young"]


def test_ages_of_one_magnitude_are_the_same_and_the_uid_decides():
    older = replace(KEPT, name="older", ready_at_s=NOW_S - 1000, uid="a")
    younger = replace(KEPT, name="younger", ready_at_s=NOW_S - 900, uid="b", restarts=5)
    assert first_of(older, younger) == "older"
    assert first_of(older, replace(younger, ready_at_s=NOW_S - 400)) == "younger"


def test_restarts_decide_only_between_pods_that_became_ready_together():
    assert first_of(KEPT, replace(KEPT, name="restarted", uid="z", restarts=3)) == "restarted"


@pytest.mark.parametrize(
    ("pod", "cost"),
    [
        (Pod("idle", 0, 1), IDLE),
        (Pod("drained", 0, 1, draining=True), DRAINED),
        (Pod("busy", 0, 1, units=1, remaining_s=10.2), BUSY + 11),
        (Pod("still at work", 0, 1, units=1, remaining_s=10.0, draining=True), BUSY + 10),
        (Pod("a very long recording", 0, 1, units=1, remaining_s=1e9), BUSY + LONGEST_S),
    ],
    ids=lambda value: value.name if isinstance(value, Pod) else "",
)
def test_the_cost_is_what_would_be_lost(pod, cost):
    assert deletion_cost(pod) == cost


def test_a_cost_fits_into_the_annotation():
    assert deletion_cost(Pod("longest", 0, 1, units=1, remaining_s=float(2**40))) < 2**31


@settings(max_examples=1000, deadline=None)
@given(pools.observations(), st.integers(0, 10))
def test_with_the_costs_written_no_busy_pod_goes_while_an_idle_ready_one_stays(seen, count):
    pods = [
        replace(pod, deletion_cost=deletion_cost(pod), ready_at_s=pod.ready_at_s or NOW_S, node="n")
        for pod in seen.pods
    ]
    gone = victims(pods, count, NOW_S)
    stay = [pod for pod in pods if pod not in gone]
    assert len(gone) == min(count, len(pods))
    assert not (any(pod.units for pod in gone) and any(pod.units == 0 for pod in stay))
