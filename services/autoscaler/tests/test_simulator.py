"""The simulated pipeline loses nothing, and the models of other autoscalers do what those do."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voicepipe_autoscaler.simulate.cluster import Hardware, Pool
from voicepipe_autoscaler.simulate.kubernetes import Behaviour, HpaByCpu, Keda
from voicepipe_autoscaler.simulate.ours import Ours
from voicepipe_autoscaler.simulate.ray import Ray
from voicepipe_autoscaler.simulate.run import p95
from voicepipe_autoscaler.simulate.scenarios import SCENARIOS, Scenario, compare, play, policies, simulated
from voicepipe_autoscaler.simulate.trace import Recording

WORKER = Hardware(slots=3, speed=6.0, cold_start_s=20.0)
DIARIZER = Hardware(slots=1, speed=10.0, cold_start_s=20.0, chunk_s=None)


class Fixed:
    """Changes the replicas at given times."""

    name = "fixed"
    period_s = 1.0
    grace_s = None

    def __init__(self, replicas: int, later: dict[float, int] | None = None) -> None:
        self.min_replicas = replicas
        self.later = later or {}

    def tick(self, pool: Pool) -> None:
        if pool.now_s in self.later:
            pool.scale(self.later[pool.now_s])


def recordings(*lengths_s: float, priority: str = "standard") -> list[Recording]:
    return [Recording(0.0, length_s, priority, "transcribe") for length_s in lengths_s]


def replicas_at(pool: Pool, *times_s: float) -> list[int]:
    return [next(count for at_s, count in reversed(pool.run.replicas) if at_s <= time_s) for time_s in times_s]


# ------------------------------------------------------------------ the pipeline


def test_a_recording_takes_its_preparation_a_cold_start_and_its_chunks():
    run = Pool(WORKER, recordings(300), Fixed(1)).until(1000)
    # 12 chunks of 25 s on three slots, 12.5 s each; the start within 15 % of 20 s comes after the preparation.
    assert run.all_s[0] == pytest.approx(20 + 0.2 + 4 * 12.5 + 0.2, abs=3.5)
    assert (run.unfinished, run.interruptions, run.redone_s) == (0, 0, 0)


def test_a_job_has_at_most_its_window_in_the_stream():
    pool, most = Pool(WORKER, recordings(20_000), Fixed(3)), 0
    for now_s in range(1, 900):
        pool.until(float(now_s))
        most = max(most, sum(pool.lags))
    assert most == 16


def test_premium_overtakes_what_has_been_waiting():
    long = Recording(0.0, 3600, "standard", "transcribe")
    clip = Recording(100.0, 20, "premium", "transcribe")
    run = Pool(WORKER, [long, clip], Fixed(1)).until(2000)
    assert run.took_s["premium"][0] < 30 < run.took_s["standard"][0]


def test_a_stopped_pod_ends_what_it_can_within_its_grace_and_the_rest_is_done_again():
    short = Pool(WORKER, recordings(3000), Fixed(2, {100.0: 1})).until(2000)
    assert (short.interruptions, short.redone_s, short.unfinished) == (1, 0, 0)
    whole = Pool(DIARIZER, recordings(3000), Fixed(1, {100.0: 0, 101.0: 1})).until(2000)
    assert (whole.interruptions, whole.unfinished) == (1, 0)
    # From a start at about 20 s to 15 s of grace after the stop, at 10 times real time.
    assert whole.redone_s == pytest.approx(950, abs=40)


def test_pod_seconds_count_from_the_request_to_the_end_of_the_grace():
    run = Pool(DIARIZER, recordings(3000), Fixed(1, {100.0: 0})).until(500)
    assert run.pod_s == pytest.approx(115)
    assert run.unfinished == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_nothing_is_lost_and_nothing_done_twice_unseen_whatever_scales_the_pool(seed, whole):
    draw = random.Random(seed)
    pool = simulated(DIARIZER if whole else WORKER, 8)
    some = [
        Recording(draw.uniform(0, 900), draw.uniform(5, 2000), draw.choice(["premium", "standard"]), "transcribe")
        for _ in range(draw.randint(1, 25))
    ]
    total_s = sum(one.audio_s for one in some)
    for policy in policies(pool):
        simulation = Pool(pool.hardware, some, policy)
        run = simulation.until(9000)
        amounts = simulation.amounts.values()
        assert run.unfinished == 0
        assert sum(one.done_s for one in amounts) == pytest.approx(total_s)
        assert [one.in_flight for one in amounts] == [0, 0]
        assert sum(one.left_s for one in amounts) == pytest.approx(0, abs=1e-3)
        assert run.most <= 8
        work_s = (total_s + run.redone_s) / pool.hardware.speed
        assert simulation.slot_s / pool.hardware.slots == pytest.approx(work_s, rel=0.05, abs=len(some))


# ------------------------------------------------------------------ this autoscaler


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_this_autoscaler_stops_no_pod_at_work(seed, whole, drain_busy):
    draw = random.Random(seed)
    pool = simulated(
        DIARIZER if whole else WORKER, 8, drain_busy=drain_busy, down_stabilisation_s=60.0, cooldown_s=60.0
    )
    some = [
        Recording(
            draw.uniform(0, 1500), draw.expovariate(1 / 400) + 5, draw.choice(["premium", "standard"]), "transcribe"
        )
        for _ in range(30)
    ]
    run = play(pool, some, Ours(pool.spec), 6000)
    assert (run.interruptions, run.redone_s, run.unfinished) == (0, 0, 0)
    assert run.replicas[-1][1] == 0


def test_the_first_pod_is_asked_within_five_seconds_of_the_first_command():
    """B2, as far as the decision goes."""
    for at_s in (0.0, 3.3, 61.0):
        pool = simulated(WORKER, 8)
        run = play(pool, [Recording(at_s, 20, "standard", "transcribe")], Ours(pool.spec), 100)
        queued_s = at_s + 0.5 + 20 / WORKER.prepare_speed
        assert run.replicas[1][0] - queued_s <= 5


def scenario(name: str) -> Scenario:
    return next(one for one in SCENARIOS if one.name == name)


def runs(name: str, pool: str):
    found = scenario(name)
    return {run.policy: run for run in compare(found.pools[pool], found.recordings(pool), found.until_s)}


def test_a_burst_is_done_no_later_than_by_keda_and_costs_less():
    """B2."""
    found = runs("clips", "transcribe")
    ours, keda = found["Voicepipe"], found["KEDA"]
    assert ours.last_s <= keda.last_s
    assert ours.pod_s <= keda.pod_s
    assert (ours.flaps, ours.interruptions) == (1, 0)


def test_a_recording_of_three_hours_asks_for_one_diarizer_and_no_more_workers_than_its_window_feeds():
    """B3."""
    assert runs("recording", "diarize")["Voicepipe"].most == 1
    transcribed = runs("recording", "transcribe")["Voicepipe"]
    assert transcribed.most <= 6
    assert p95(transcribed.took_s["premium"]) <= 60


def test_a_cold_gpu_pool_is_asked_before_the_first_chunk_exists():
    """B4: woken while the recording is prepared."""
    first = scenario("cold").recordings("transcribe")[0]
    prepared_s = first.at_s + 0.5 + first.audio_s / WORKER.prepare_speed
    asked_s = runs("cold", "transcribe")["Voicepipe"].replicas[1][0]
    assert first.at_s <= asked_s < prepared_s


# ------------------------------------------------------------------ the others


def test_keda_wakes_at_its_next_poll_and_the_hpa_goes_up_by_four_or_doubles():
    pool = Pool(WORKER, recordings(*[60.0] * 400), Keda(20))
    pool.until(100)
    assert replicas_at(pool, 29, 30, 45, 60) == [0, 5, 10, 20]
    assert pool.run.replicas[1] == (30.0, 1)


def test_keda_sees_a_window_where_hours_wait():
    run = Pool(WORKER, recordings(20_000), Keda(20)).until(3600)
    assert run.most == 2


def test_keda_goes_to_zero_from_any_number_after_its_cooldown():
    pool = Pool(WORKER, recordings(*[20.0] * 60), Keda(20))
    run = pool.until(1000)
    *_, (down_s, count) = run.replicas
    assert (count, replicas_at(pool, down_s - 1)[0] > 1) == (0, True)
    assert 300 < down_s - run.last_s < 300 + 2 * 30


@pytest.mark.parametrize(("lag", "desired"), [(109, 10), (91, 10), (111, 12), (89, 9), (0, 0)])
def test_keda_keeps_its_replicas_within_its_tolerance(lag, desired):
    assert Keda(20)._desired(lag, 10) == desired


def test_keda_takes_the_most_that_one_of_the_consumers_wants():
    both = [*recordings(*[20.0] * 40), *recordings(*[20.0] * 30, priority="premium")]
    run = Pool(Hardware(slots=1, speed=0.01, cold_start_s=20.0), both, Keda(20)).until(600)
    assert run.most == 4


def test_the_hpa_goes_down_to_the_most_of_five_minutes_and_up_by_four_pods_or_all_again():
    behaviour = Behaviour(1, 100)
    assert behaviour.apply(0, 2, 50) == 6
    assert behaviour.apply(5, 6, 50) == 6
    assert behaviour.apply(15, 6, 50) == 12
    assert behaviour.apply(30, 12, 3) == 12
    assert behaviour.apply(300, 12, 3) == 12
    assert behaviour.apply(316, 12, 3) == 3
    assert behaviour.apply(700, 3, 0) == 1


@pytest.mark.parametrize(
    ("used", "replicas", "desired"),
    [
        ([1.0], 1, 2),
        ([0.85, 0.85], 2, 2),
        ([1.0], 2, 2),  # one is starting and counts as idle
        ([1.0, 1.0, 1.0], 4, 4),
        ([0.0, 0.0], 2, 0),
        ([0.2, 0.2, 0.2, 0.2], 4, 1),
    ],
)
def test_the_hpa_by_cpu_counts_pods_that_start_as_idle(used, replicas, desired):
    assert HpaByCpu(10)._desired(used, replicas) == desired


def test_the_hpa_by_cpu_never_sleeps():
    run = Pool(WORKER, recordings(20.0), HpaByCpu(10)).until(3600)
    assert {count for _, count in run.replicas} == {1}


def test_ray_waits_for_half_a_minute_up_and_ten_minutes_down_and_reaches_zero_only_from_one():
    run = Pool(WORKER, recordings(*[60.0] * 60), Ray(20, 3)).until(3600)
    (_, none), (woken_s, one), (up_s, many), *_ = run.replicas
    assert (none, one) == (0, 1)
    # The delay starts when the first replica runs, within 15 % of 20 s.
    assert 30 + 17 < up_s - woken_s < 30 + 23 + 2
    assert many > 10
    (down_s, last), (zero_s, zero) = run.replicas[-2:]
    assert (last, zero) == (1, 0)
    assert down_s - run.last_s > 600 - 30
    assert zero_s - down_s > 600
