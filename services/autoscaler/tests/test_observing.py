"""What is put together for a decision."""

import pytest
from pools import NOW_S, pods
from voicepipe_autoscaler.control.observe import BusyMeter, Sighting, observation
from voicepipe_autoscaler.control.target import Replicas
from voicepipe_wire.v1.scaling_pb2 import QueueBacklog, WorkerState


def test_the_seconds_are_those_of_the_snapshot_and_the_units_those_of_the_consumers():
    sighting = Sighting(
        backlog=(
            QueueBacklog(priority="standard", queued_s=100, in_flight_s=20, arriving_s=7, pending=99, upstream_jobs=2),
        ),
        backlog_at_s=NOW_S - 1,
        commands={"premium": (1, 0), "standard": (2, 3)},
        commands_at_s=NOW_S,
        busy_replicas=1.5,
    )
    seen = observation(NOW_S, Replicas(2, pods(2)), sighting)
    assert seen.work["standard"].queued_s == 100
    assert (seen.work["standard"].units, seen.work["premium"].units) == (5, 1)
    assert (seen.upstream_jobs, seen.busy_replicas, seen.snapshot_at_s) == (2, 1.5, NOW_S - 1)


def test_a_worker_that_does_not_answer_counts_as_busy_and_not_as_draining():
    one, other = pods(2)
    seen = observation(
        NOW_S, Replicas(2, (one, other)), Sighting(workers={"pod-0": WorkerState(name="pod-0", draining=True)})
    )
    assert [(pod.units, pod.draining) for pod in seen.pods] == [(0, True), (1, False)]


def test_a_pod_that_has_never_been_ready_has_no_work():
    (starting,) = pods(1, ready_at_s=None)
    assert observation(NOW_S, Replicas(1, (starting,)), Sighting()).pods[0].units == 0
    known = Sighting(known_workers=frozenset({"pod-0"}))
    assert observation(NOW_S, Replicas(1, (starting,)), known).pods[0].units == 1


def state(name, busy_s):
    return WorkerState(name=name, busy_s=busy_s)


def test_busy_replicas_are_a_mean_between_two_snapshots():
    meter = BusyMeter()
    meter.add([state("a", 100), state("b", 5)])
    assert meter.take(10.0, ["a", "b"]) == 0
    meter.add([state("a", 102), state("b", 5)])
    meter.add([state("a", 103), state("b", 6), state("c", 50)])
    assert meter.take(14.0, ["a", "b", "c"]) == pytest.approx(1.0)


def test_a_worker_that_starts_again_counts_from_zero_and_never_negative():
    meter = BusyMeter()
    meter.add([state("a", 100)])
    meter.take(10.0, ["a"])
    meter.add([state("a", 1)])
    assert meter.take(12.0, ["a"]) == 0
    meter.add([state("a", 3)])
    assert meter.take(14.0, ["a"]) == pytest.approx(1.0)
