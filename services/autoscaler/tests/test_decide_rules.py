"""The rules for each change of a pool: what counts, when it wakes, grows, shrinks and sleeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pools import NOW_S, Cluster, pods, pool, seen, settled
from voicepipe_autoscaler.decide import decide
from voicepipe_autoscaler.decision import Reason
from voicepipe_autoscaler.observation import Pod, Work
from voicepipe_autoscaler.pool import Fallback, WakeOn
from voicepipe_autoscaler.victims import deletion_cost

SHORT = settled(2, short_since_s=NOW_S - 20)
COOLED = settled(1, quiet_since_s=NOW_S - 400)
DRAINED = {"draining": True, "deletion_cost": -1000}
UNSCHEDULED = Pod("new", NOW_S - 70, node="", phase="Pending")


def test_standard_work_counts_all_that_is_served_before_it():
    decision = decide(pool(), seen(2, premium_s=480, standard_s=4320), settled(2))
    assert decision.need == {"premium": 2, "standard": 2}
    assert decision.eta_s == {"premium": 60.0, "standard": 600.0}
    assert decide(pool(), seen(2, premium_s=480, standard_s=4400), settled(2)).need["standard"] == 3


def test_an_indivisible_recording_never_asks_for_a_second_worker():
    diarizer = pool(slots=1, max_replicas=5)
    one = {"standard": Work(in_flight_s=10_800, units=1)}
    working = pods(1, units=1, remaining_s=2000)
    decision = decide(diarizer, seen(1, work=one, pods=working), settled(1, short_since_s=NOW_S - 60))
    assert (decision.replicas, decision.need["standard"]) == (1, 5)
    assert "its units of work can use 1" in decision.message
    two = {"standard": Work(in_flight_s=10_800, queued_s=10_800, units=2)}
    assert decide(diarizer, seen(1, work=two, pods=working), settled(1, short_since_s=NOW_S - 60)).replicas == 2


def test_a_window_of_chunks_bounds_what_one_long_recording_asks_for():
    long = {"standard": Work(queued_s=100_000, units=16)}
    assert decide(pool(), seen(0, work=long, pods=()), settled(0)).replicas == 6


def test_the_first_window_of_a_job_counts_before_it_is_queued():
    not_started = {"standard": Work(queued_s=100_000, units=1, expected_units=15)}
    assert decide(pool(), seen(0, work=not_started, pods=()), settled(0)).replicas == 6


def test_a_command_in_flight_without_a_worker_wakes_the_pool():
    taken = {"standard": Work(in_flight_s=20, units=1)}
    decision = decide(pool(), seen(0, work=taken, pods=()), settled(0))
    assert (decision.replicas, decision.reason) == (1, Reason.WOKEN_UP)
    only_counted = {"standard": Work(units=1)}
    assert decide(pool(), seen(0, work=only_counted, pods=()), settled(0)).replicas == 1


@pytest.mark.parametrize(("wake_on", "replicas"), [(WakeOn.PREPARE, 3), (WakeOn.TRANSCRIBE, 0)])
def test_a_recording_in_prepare_wakes_only_a_pool_that_wakes_on_prepare(wake_on, replicas):
    arriving = {"standard": Work(arriving_s=4800, expected_units=16)}
    spec = pool(wake_on=wake_on, cold_start_s=5.0)
    decision = decide(spec, seen(0, work=arriving, pods=(), upstream_jobs=1), settled(0))
    assert decision.replicas == replicas


def test_a_recording_in_prepare_keeps_a_pool_awake():
    observation = seen(1, pods=pods(1, **DRAINED), upstream_jobs=1)
    decision = decide(pool(), observation, COOLED)
    assert (decision.replicas, decision.release) == (1, ("pod-0",))


@pytest.mark.parametrize("since", ["quiet_since_s", "last_done_s", "first_ready_s"])
def test_the_cooldown_counts_from_the_last_of_three_moments(since):
    observation = seen(1, pods=pods(1, **DRAINED))
    assert decide(pool(), observation, replace(COOLED, **{since: NOW_S - 299})).replicas == 1
    assert decide(pool(), observation, replace(COOLED, **{since: NOW_S - 300})).replicas == 0


def test_several_replicas_go_to_one_before_the_pool_sleeps():
    observation = seen(3, pods=pods(3, **DRAINED))
    decision = decide(pool(), observation, COOLED)
    assert (decision.replicas, decision.reason, decision.release) == (1, Reason.SCALED_DOWN, ("pod-2",))


def test_what_starts_is_counted_with_the_rest_of_its_cold_start():
    spec = pool(cold_start_s=40.0)
    started = tuple(Pod(f"new-{number}", NOW_S - 20) for number in range(2))
    observation = seen(3, premium_s=520, pods=(*pods(1), *started))
    assert decide(spec, observation, SHORT).replicas == 3
    none_started = seen(3, premium_s=520, pods=(*pods(1), *(replace(pod, asked_at_s=NOW_S) for pod in started)))
    assert decide(spec, none_started, SHORT).replicas == 5


def test_a_cold_pool_asks_once_however_long_it_takes_to_start():
    """B4: a cold start of 120 s, longer than the target of premium."""
    spec = pool(max_replicas=100, cold_start_s=120.0, slots=1)
    cluster = Cluster(spec, cold_start_s=120.0)
    waiting = {"premium": Work(queued_s=900, units=200)}
    first = cluster.tick(waiting).replicas
    for _ in range(22):
        assert cluster.tick(waiting).replicas <= first + 1


def test_replicas_that_are_stuck_do_not_hold_back_the_others():
    """A pod that found no node is no reason to keep idle ones, and it is the first to go."""
    spec = pool(max_replicas=5)
    observation = seen(3, pods=(replace(pods(1)[0], units=2), replace(pods(2)[1], **DRAINED), UNSCHEDULED))
    decision = decide(spec, observation, settled(3))
    assert (decision.replicas, decision.reason) == (1, Reason.SCALED_DOWN)


def test_a_target_is_at_risk_while_a_replica_that_found_no_node_is_needed():
    observation = seen(3, premium_s=560, pods=(*pods(2), UNSCHEDULED))
    decision = decide(pool(), observation, settled(3))
    assert (decision.need["premium"], decision.eta_s["premium"]) == (3, 70.0)
    assert decision.slo_at_risk == ("premium",)
    assert decide(pool(), replace(observation, pods=pods(3)), settled(3)).slo_at_risk == ()


def test_fewer_replicas_are_asked_only_once_the_deletion_cost_has_been_seen():
    busy = replace(pods(1)[0], units=2, remaining_s=30.0)
    drained = replace(pods(2)[1], draining=True)
    before = seen(2, standard_s=20, pods=(busy, drained))
    assert decide(pool(), before, settled(2)).reason is Reason.DRAINING
    after = seen(
        2, standard_s=20, pods=tuple(replace(pod, deletion_cost=deletion_cost(pod)) for pod in (busy, drained))
    )
    assert decide(pool(), after, settled(2)).replicas == 1


def test_a_busy_replica_that_is_not_ready_would_go_first_so_none_goes():
    unready = replace(pods(1)[0], units=2, ready_at_s=None, deletion_cost=150)
    observation = seen(3, standard_s=20, pods=(unready, *(replace(pod, **DRAINED) for pod in pods(3)[1:])))
    assert decide(pool(), observation, settled(3)).replicas == 3


def test_a_drained_replica_is_released_at_once_when_load_returns():
    """B5: it takes work again sooner than any new one could."""
    observation = seen(3, premium_s=700, pods=(*pods(1), *(replace(pod, **DRAINED) for pod in pods(3)[1:])))
    decision = decide(pool(), observation, settled(3))
    assert (decision.replicas, set(decision.release)) == (3, {"pod-1", "pod-2"})


def test_a_busy_replica_is_drained_only_where_that_is_allowed_and_the_one_that_ends_first():
    observation = seen(
        3,
        standard_s=4000,
        pods=tuple(replace(pod, units=1, remaining_s=30.0 - number) for number, pod in enumerate(pods(3))),
    )
    assert decide(pool(), observation, settled(3)).drain == ()
    decision = decide(pool(drain_busy=True), observation, settled(3))
    assert (decision.replicas, decision.drain) == (3, ("pod-2",))


def test_gpus_of_nodes_that_can_be_added_are_no_limit():
    observation = seen(2, premium_s=1200, free_gpus=0)
    assert decide(pool(node_autoscaling=True), observation, SHORT).replicas == 4


def test_two_gpus_for_five_wanted_replicas_are_said_and_a_third_is_used_at_once():
    """B10."""
    observation = seen(2, premium_s=1200, free_gpus=0)
    first = decide(pool(max_replicas=5), observation, SHORT)
    assert (first.replicas, first.reason) == (2, Reason.TOO_FEW_GPUS)
    more = replace(observation, free_gpus=1)
    second = decide(pool(max_replicas=5), more, replace(first.memory, short_since_s=NOW_S - 10))
    assert (second.replicas, second.reason) == (3, Reason.SCALED_UP)


def test_a_pinned_pool_goes_down_only_by_idle_replicas():
    observation = seen(3, pods=(replace(pods(1)[0], units=2, deletion_cost=150), *pods(3)[1:]))
    decision = decide(pool(pin=0), observation, settled(3))
    assert (decision.replicas, set(decision.drain)) == (3, {"pod-1", "pod-2"})


def test_without_a_snapshot_the_commands_say_how_much_waits():
    observation = seen(2, units=60, snapshot_at_s=NOW_S - 45)
    decision = decide(pool(), observation, settled(2, seconds_per_unit=20.0, short_since_s=NOW_S - 20))
    assert (decision.replicas, decision.need["premium"]) == (4, 7)


def test_a_pool_that_nobody_knows_keeps_its_replicas_for_a_whole_window():
    cluster = Cluster(pool(), replicas=3, pods=list(pods(3)))
    for _ in range(70):
        cluster.tick({"standard": Work()})
    assert [replicas for _, replicas in cluster.asked] == [3, 1, 0]
    assert cluster.asked[1][0] >= NOW_S + 300


def test_a_pool_without_figures_for_long_keeps_its_replicas_for_a_whole_window():
    cluster = Cluster(pool(), replicas=3, pods=list(pods(3)), memory=settled(3))
    for _ in range(100):
        cluster.tick({}, counts_at_s=None, snapshot_at_s=None)
    known_again_s = cluster.now_s
    while cluster.now_s < known_again_s + 290:
        assert cluster.tick({"standard": Work()}).replicas == 3


def test_the_fallback_may_be_the_minimum():
    spec = pool(min_replicas=1, fallback=Fallback.MIN)
    observation = seen(3, counts_at_s=None, pods=pods(3, **DRAINED))
    assert decide(spec, observation, settled(3, unknown_since_s=NOW_S - 601)).replicas == 1


def test_after_a_pause_of_the_operator_a_pool_keeps_its_replicas_for_a_whole_window():
    memory = settled(3, decided_at_s=NOW_S - 600)
    cluster = Cluster(pool(), replicas=3, pods=list(pods(3)), memory=memory)
    for _ in range(59):
        assert cluster.tick({"standard": Work()}).replicas == 3


def test_arrivals_that_are_remembered_wake_no_pool():
    busy_until_now = settled(0, arrivals={"standard": 50.0})
    decision = decide(pool(), seen(0), busy_until_now)
    assert (decision.replicas, decision.reason) == (0, Reason.ASLEEP)


def test_arrivals_are_expected_to_go_on_for_two_minutes_and_not_for_the_whole_target():
    arriving = settled(1, arrivals={"standard": 40.0}, learnt_at_s=NOW_S)
    decision = decide(pool(), seen(1, standard_s=2400), arriving)
    # (2,400 s + 1.1 * 40 * 120 s) / (4 * 600 s)
    assert decision.need["standard"] == 4


def test_an_estimate_leaves_out_arrivals_that_nobody_sees_any_more():
    observation = seen(1, units=3, snapshot_at_s=NOW_S - 45)
    memory = settled(1, arrivals={"premium": 100.0}, seconds_per_unit=20.0)
    assert decide(pool(), observation, memory).need["premium"] == 1


def test_a_rest_of_a_sum_of_floats_is_no_work():
    dust = {"standard": Work(queued_s=1e-9)}
    assert decide(pool(), seen(0, work=dust), settled(0)).reason is Reason.ASLEEP
    assert decide(pool(), seen(1, work=dust, pods=pods(1, **DRAINED)), COOLED).replicas == 0
