"""What holds for every decision, whatever is declared, seen and remembered."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from dataclasses import replace

import pools
from hypothesis import given, settings
from hypothesis import strategies as st
from pools import NOW_S, Cluster
from voicepipe_autoscaler.capacity import LATE, Fleet
from voicepipe_autoscaler.decide import decide
from voicepipe_autoscaler.decision import Reason
from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.observation import STALE_S, Pod, Work
from voicepipe_autoscaler.pool import Fallback

thousand = settings(max_examples=1000, deadline=None)
priorities = st.sampled_from(["premium", "standard"])


@thousand
@given(pools.specs(), pools.observations(), pools.memories(), priorities, pools.seconds)
def test_more_backlog_never_means_fewer_replicas(spec, seen, memory, priority, more_s):
    one = seen.work[priority]
    more = replace(seen, work={**seen.work, priority: replace(one, queued_s=one.queued_s + more_s)})
    assert decide(spec, more, memory).replicas >= decide(spec, seen, memory).replicas


@thousand
@given(pools.specs(), pools.observations(), pools.memories(), priorities, pools.rates)
def test_more_arrivals_never_mean_fewer_replicas(spec, seen, memory, priority, more):
    one = seen.work[priority]
    faster = replace(seen, work={**seen.work, priority: replace(one, arrived_s_per_s=one.arrived_s_per_s + more)})
    remembered = replace(memory, arrivals={**memory.arrivals, priority: memory.arrivals[priority] + more})
    before = decide(spec, seen, memory).replicas
    assert decide(spec, faster, memory).replicas >= before
    assert decide(spec, seen, remembered).replicas >= before


@thousand
@given(pools.specs(), pools.observations(), pools.memories(), st.floats(1, 10))
def test_faster_replicas_never_mean_more_of_them(spec, seen, memory, times):
    measured = replace(memory, speed=(memory.speed or spec.speed), busy_s=30.0)
    faster = replace(measured, speed=measured.speed * times)
    assert decide(spec, seen, faster).replicas <= decide(spec, seen, measured).replicas
    believed = replace(memory, speed=None)
    seen = replace(seen, busy_replicas=0.0)
    assert (
        decide(replace(spec, speed=spec.speed * times), seen, believed).replicas
        <= decide(spec, seen, believed).replicas
    )


@thousand
@given(pools.specs(), pools.observations(), pools.memories())
def test_more_are_asked_only_within_every_limit(spec, seen, memory):
    asked = decide(spec, seen, memory).replicas
    if asked <= seen.replicas:
        return
    assert asked <= spec.max_replicas
    if seen.free_gpus is not None and not spec.node_autoscaling:
        assert asked <= sum(pod.node != "" for pod in seen.pods) + seen.free_gpus
    units = seen.units + sum(work.expected_units for work in seen.work.values())
    not_ready = max(seen.replicas, len(seen.pods)) - sum(pod.ready for pod in seen.pods)
    assert asked <= max(math.ceil(max(units, 1) / spec.slots) + not_ready, spec.min_replicas)


@thousand
@given(pools.resting())
def test_fewer_are_asked_only_when_nobody_at_work_can_be_hit(resting):
    spec, seen, memory = resting
    decision = decide(spec, seen, memory)
    if decision.replicas >= seen.replicas:
        return
    assert decision.replicas >= min(spec.min_replicas, spec.max_replicas)
    assert decision.replicas > 0 or seen.replicas == 1
    assert not seen.rollout
    assert not any(NOW_S - pod.asked_at_s <= 60 for pod in seen.pods if not pod.ready)
    assert NOW_S - seen.snapshot_at_s <= STALE_S
    assert NOW_S - seen.counts_at_s <= STALE_S
    hit = pools.victims(seen.pods, len(seen.pods) - decision.replicas, NOW_S)
    assert len(hit) == seen.replicas - decision.replicas
    assert all(pod.units == 0 and (pod.draining or not pod.ready) for pod in hit)


def test_what_is_drawn_grows_and_shrinks_often_enough_to_prove_something():
    steps = Counter()
    for seed in range(1000):
        draw = pools.Draw(seed)
        spec, seen, memory = pools._spec(draw), pools._observation(draw), pools._memory(draw)
        steps["grows"] += decide(spec, seen, memory).replicas > seen.replicas
        spec, seen, memory = pools._resting(draw)
        steps["shrinks"] += decide(spec, seen, memory).replicas < seen.replicas
        steps["sleeps"] += decide(spec, seen, memory).replicas == 0
    assert min(steps.values()) > 20, steps


@thousand
@given(pools.specs(), pools.observations(), pools.memories())
def test_the_same_observation_again_changes_nothing(spec, seen, memory):
    first = decide(spec, seen, memory)
    again = decide(spec, seen, first.memory)
    assert (again.replicas, again.drain, again.release) == (first.replicas, first.drain, first.release)


@thousand
@given(pools.specs(), pools.observations(), pools.memories())
def test_replicas_that_have_been_asked_for_are_not_asked_for_again(spec, seen, memory):
    first = decide(spec, seen, memory)
    new = first.replicas - seen.replicas
    if new <= 0 or len(seen.pods) != seen.replicas:
        return
    born = tuple(Pod(f"new-{number}", NOW_S, uid=f"new-{number}") for number in range(new))
    free = None if seen.free_gpus is None else max(seen.free_gpus - new, 0)
    asked = replace(seen, replicas=first.replicas, pods=(*seen.pods, *born), free_gpus=free)
    assert decide(spec, asked, first.memory).replicas == first.replicas


@thousand
@given(pools.specs(), pools.observations(counts_at_s=None), pools.memories())
def test_what_is_not_known_changes_nothing(spec, seen, memory):
    known_until_now = replace(memory, unknown_since_s=NOW_S - 599)
    decision = decide(spec, seen, known_until_now)
    assert (decision.replicas, decision.reason) == (seen.replicas, Reason.METRICS_UNKNOWN)


@thousand
@given(
    pools.specs(), pools.observations(counts_at_s=None), pools.memories(), st.sampled_from([*Fallback, 0, 1, 3, 100])
)
def test_after_ten_minutes_the_fallback_counts_and_it_is_never_a_guess(spec, seen, memory, fallback):
    spec = replace(spec, fallback=fallback)
    decision = decide(spec, seen, replace(memory, unknown_since_s=NOW_S - 601))
    given_number = {Fallback.HOLD: seen.replicas, Fallback.MIN: spec.min_replicas}.get(fallback, fallback)
    bounded = (
        seen.replicas if fallback is Fallback.HOLD else min(max(given_number, spec.min_replicas), spec.max_replicas)
    )
    assert decision.reason is Reason.FALLBACK
    assert min(bounded, seen.replicas) <= decision.replicas <= max(bounded, seen.replicas)
    if bounded >= seen.replicas:
        assert decision.replicas == bounded


@thousand
@given(pools.specs(), pools.observations(), pools.memories())
def test_a_restart_that_reads_the_memory_from_the_status_decides_the_same(spec, seen, memory):
    after = decide(spec, seen, memory).memory
    read = Memory.from_json(json.loads(json.dumps(after.to_json())))
    assert read == after
    later = replace(seen, now_s=NOW_S + 7, snapshot_at_s=NOW_S + 7, counts_at_s=NOW_S + 7)
    assert decide(spec, later, read) == decide(spec, later, after)


@thousand
@given(pools.specs(), st.lists(st.tuples(pools.seconds, st.floats(1, 10)), min_size=5, max_size=15), st.booleans())
def test_within_15_s_replicas_at_most_double_or_grow_by_two(spec, backlogs, sleeps):
    spec = replace(spec, min_replicas=0)
    cluster = Cluster(spec, cold_start_s=spec.cold_start_s)
    if not sleeps:
        cluster.apply(replace(decide(spec, cluster.see({}), Memory()), replicas=1))
    for backlog_s, pause_s in backlogs:
        cluster.tick({"standard": Work(queued_s=backlog_s, units=1000)}, pause_s)
    for at_s, before in cluster.asked:
        for later_s, after in cluster.asked:
            if at_s < later_s < at_s + 15 and before > 0:
                assert after <= before + max(before, 2)


@thousand
@given(
    st.floats(0.01, 200),
    st.floats(10, 7200),
    st.floats(1, 600),
    st.integers(0, 20),
    st.lists(st.floats(5, 600), max_size=10),
)
def test_the_replicas_that_are_needed_clear_the_backlog_within_the_target(
    replicas, target_s, cold_start_s, ready, starting_s
):
    """Those that become ready too late for the target have a quarter of it from then on."""
    work = replicas * target_s
    starting_s = sorted(min(start_s, cold_start_s) for start_s in starting_s)
    fleet = Fleet(ready, tuple(starting_s), cold_start_s)
    need = fleet.need(work, target_s)
    starts_s = sorted([*[0.0] * ready, *starting_s, *[cold_start_s] * need])[:need]
    cleared_s = _clears_after_s(work, starts_s)
    assert cleared_s <= max(target_s, starts_s[-1] + LATE * target_s) + 1e-6
    assert math.isclose(fleet.eta_s(need, work), cleared_s, rel_tol=1e-6, abs_tol=1e-6)
    assert fleet.capacity(need - 1, target_s) < work + 1e-6


def _clears_after_s(work: float, starts_s: list[float]) -> float:
    """Pours the work out, from one start of a replica to the next."""
    now_s, working = 0.0, 0
    for start_s in starts_s:
        done = (start_s - now_s) * working
        if done >= work:
            break
        work, now_s, working = work - done, start_s, working + 1
    return now_s + work / working


# An hour in steps of 15 s makes each example 400 decisions, so there are fewer of them.
@settings(max_examples=100, deadline=None)
@given(st.floats(0.1, 20), st.floats(30, 3000), st.floats(5, 300), st.integers(0, 2**32))
def test_a_tenth_of_noise_for_an_hour_changes_nothing_once_the_pool_has_scaled(replicas, target_s, cold_start_s, seed):
    backlog_s = replicas * target_s
    spec = pools.pool(targets_s={"standard": target_s}, max_replicas=500, speed=1.0, cold_start_s=cold_start_s)
    cluster, noise = Cluster(spec, cold_start_s=cold_start_s), random.Random(seed)
    for _ in range(60 if cold_start_s < 100 else 120):
        cluster.tick({"standard": Work(queued_s=backlog_s, units=5000)}, 15.0)
    scaled = cluster.replicas
    assert scaled >= replicas * 0.9
    for _ in range(240):
        noisy_s = backlog_s * noise.uniform(0.9, 1.1)
        assert cluster.tick({"standard": Work(queued_s=noisy_s, units=5000)}, 15.0).replicas == scaled
