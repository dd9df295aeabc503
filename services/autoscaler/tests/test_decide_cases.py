"""Every reason that a decision can have, and what an operator reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pools import NOW_S, pods, pool, seen, settled
from voicepipe_autoscaler.decide import decide
from voicepipe_autoscaler.decision import Reason
from voicepipe_autoscaler.memory import Memory, Step
from voicepipe_autoscaler.observation import Observation, Pod
from voicepipe_autoscaler.pool import PoolSpec

SHORT = settled(2, short_since_s=NOW_S - 20)
COOLED = settled(1, quiet_since_s=NOW_S - 400)
DRAINED = {"draining": True, "deletion_cost": -1000}
UNSCHEDULED = Pod("new", NOW_S - 70, node="", phase="Pending")
NEVER_READY = Pod("new", NOW_S - 500)

Case = tuple[PoolSpec, Observation, Memory, int, str]
CASES: dict[Reason, Case] = {
    Reason.STEADY: (
        pool(),
        seen(2, standard_s=4000),
        settled(2),
        2,
        "2: 4,000 s of audio, 4.0x per replica, standard 600 s needs 2",
    ),
    Reason.WOKEN_UP: (
        pool(),
        seen(0, premium_s=900),
        settled(0),
        6,
        "0 -> 6: 900 s of audio, 4.0x per replica, premium 60 s needs 6",
    ),
    Reason.SCALED_UP: (
        pool(speed=4.1),
        seen(3, premium_s=1200, standard_s=2440),
        replace(SHORT, step=Step(NOW_S - 60, 1, 3)),
        6,
        "3 -> 6: 1,200 s of audio, 4.1x per replica, premium 60 s needs 6",
    ),
    Reason.SCALED_DOWN: (
        pool(),
        seen(3, standard_s=4000, pods=(*pods(2, units=2, deletion_cost=150), replace(pods(3)[2], **DRAINED))),
        settled(3),
        2,
        "3 -> 2: 4,000 s of audio, 4.0x per replica, standard 600 s needs 2",
    ),
    Reason.SCALED_TO_ZERO: (pool(), seen(1, pods=pods(1, **DRAINED)), COOLED, 0, "1 -> 0: no work"),
    Reason.ASLEEP: (pool(), seen(0), settled(0), 0, "0: no work, asleep"),
    Reason.STABILISING_UP: (
        pool(),
        seen(2, premium_s=1200),
        settled(2, short_since_s=NOW_S - 4),
        2,
        "2: 1,200 s of audio, 4.0x per replica, premium 60 s needs 7, too few for 4 s of 10 s",
    ),
    Reason.STEP_TAKEN: (
        pool(),
        seen(4, premium_s=2400),
        replace(SHORT, step=Step(NOW_S - 8, 2, 4)),
        4,
        "4: 2,400 s of audio, 4.0x per replica, premium 60 s needs 13, at most 10, a step was taken less than 15 s ago",
    ),
    Reason.STABILISING_DOWN: (
        pool(),
        seen(4, standard_s=4000),
        settled(4, recommendations=((NOW_S - 100, 4),)),
        4,
        "4: 4,000 s of audio, 4.0x per replica, standard 600 s needs 2, 4 were wanted within 300 s",
    ),
    Reason.COOLING_DOWN: (
        pool(),
        seen(1),
        settled(1, quiet_since_s=NOW_S - 200),
        1,
        "1: no work, sleeps 300 s after its last work",
    ),
    Reason.DRAINING: (
        pool(),
        seen(3, standard_s=4000),
        settled(3),
        3,
        "3: 4,000 s of audio, 4.0x per replica, standard 600 s needs 2, idle replicas are being drained",
    ),
    Reason.ALL_BUSY: (
        pool(),
        seen(3, standard_s=4000, pods=pods(3, units=1)),
        settled(3),
        3,
        "3: 4,000 s of audio, 4.0x per replica, standard 600 s needs 2, fewer would do, and every replica is at work",
    ),
    Reason.STARTING: (
        pool(),
        seen(4, standard_s=4000, pods=(*pods(3), Pod("new", NOW_S - 5))),
        settled(4),
        4,
        "4: 4,000 s of audio, 4.0x per replica, standard 600 s needs 2, fewer would do, and 1 are starting",
    ),
    Reason.ROLLOUT: (
        pool(),
        seen(3, standard_s=4000, rollout=True),
        settled(3),
        3,
        "3: 4,000 s of audio, 4.0x per replica, standard 600 s needs 2, fewer would do, and a rollout is under way",
    ),
    Reason.METRICS_UNKNOWN: (
        pool(),
        seen(2, standard_s=90_000, counts_at_s=NOW_S - 45),
        settled(2, unknown_since_s=NOW_S - 15),
        2,
        "2: nothing is known of its commands for 15 s",
    ),
    Reason.SNAPSHOT_STALE: (
        pool(),
        seen(3, units=2, snapshot_at_s=NOW_S - 45),
        settled(3, seconds_per_unit=100.0),
        3,
        "3: 200 s of audio, 4.0x per replica, premium 60 s needs 1, the backlog is an estimate, so none may go",
    ),
    Reason.FALLBACK: (
        pool(fallback=3),
        seen(2, counts_at_s=None),
        settled(2, unknown_since_s=NOW_S - 700),
        3,
        "2 -> 3: nothing is known of its commands for 700 s, fallback 3",
    ),
    Reason.PINNED: (pool(pin=7), seen(2, standard_s=20), settled(2), 7, "pinned to 7"),
    Reason.PAUSED: (pool(paused=True), seen(2, premium_s=5000), SHORT, 2, "paused"),
    Reason.PAUSED_SCALE_IN: (
        pool(paused_scale_in=True),
        seen(3, standard_s=4000),
        settled(3),
        3,
        "fewer would do, and scaling in is paused",
    ),
    Reason.PAUSED_SCALE_OUT: (
        pool(paused_scale_out=True),
        seen(0, premium_s=900),
        settled(0),
        0,
        "scaling out is paused",
    ),
    Reason.AT_MAX: (
        pool(max_replicas=2),
        seen(2, premium_s=1200),
        SHORT,
        2,
        "2: 1,200 s of audio, 4.0x per replica, premium 60 s needs 7, at most 2",
    ),
    Reason.AT_MIN: (pool(min_replicas=2), seen(0), settled(0), 2, "0 -> 2: no work, at least 2"),
    Reason.TOO_FEW_GPUS: (pool(), seen(2, premium_s=1200, free_gpus=0), SHORT, 2, "there are GPUs for 2"),
    Reason.NO_NODES: (
        pool(),
        seen(3, premium_s=2400, pods=(*pods(2), UNSCHEDULED)),
        SHORT,
        3,
        "1 found no node",
    ),
    Reason.PODS_NOT_CREATED: (
        pool(),
        seen(4, premium_s=2400, pods=pods(2)),
        settled(4, missing_since_s=NOW_S - 70),
        4,
        "2 could not be created",
    ),
    Reason.PODS_NOT_READY: (pool(), seen(1, premium_s=2400, pods=(NEVER_READY,)), SHORT, 1, "1 did not become ready"),
}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_case_with_its_replicas_and_its_sum(reason):
    spec, observation, memory, replicas, words = CASES[reason]
    decision = decide(spec, observation, memory)
    assert (decision.reason, decision.replicas) == (reason, replicas)
    assert decision.message.endswith(words)


def test_a_condition_says_what_limits_and_what_is_unknown():
    def conditions(reason: Reason) -> dict[str, tuple[bool, str]]:
        spec, observation, memory, _, _ = CASES[reason]
        return {one.type: (one.status, one.reason) for one in decide(spec, observation, memory).conditions}

    assert conditions(Reason.STEADY) == {
        "MetricsAvailable": (True, "Fresh"),
        "ScalingActive": (True, "Automatic"),
        "ScalingLimited": (False, "WithinLimits"),
        "SLOAtRisk": (False, "WithinTargets"),
        "DeadLettersGrowing": (False, "Unknown"),
        "JobsStuck": (False, "Progress"),
        "Draining": (False, "NothingDrains"),
        "Paused": (False, "NotPaused"),
    }
    for reason in (Reason.AT_MAX, Reason.TOO_FEW_GPUS, Reason.NO_NODES, Reason.PODS_NOT_CREATED, Reason.PODS_NOT_READY):
        assert conditions(reason)["ScalingLimited"] == (True, reason)
    assert conditions(Reason.AT_MIN)["ScalingLimited"] == (True, "AtMin")
    assert conditions(Reason.ROLLOUT)["ScalingLimited"] == (True, "RolloutInProgress")
    assert conditions(Reason.AT_MAX)["SLOAtRisk"] == (True, "BacklogTooLong")
    assert conditions(Reason.METRICS_UNKNOWN)["MetricsAvailable"] == (False, "Unknown")
    assert conditions(Reason.METRICS_UNKNOWN)["ScalingActive"] == (False, "MetricsUnknown")
    assert conditions(Reason.SNAPSHOT_STALE)["MetricsAvailable"] == (False, "SnapshotStale")
    assert conditions(Reason.DRAINING)["Draining"] == (True, "Drains")
    assert conditions(Reason.PINNED)["Paused"] == (True, "Pinned")
    assert conditions(Reason.PINNED)["ScalingActive"] == (False, "Pinned")
