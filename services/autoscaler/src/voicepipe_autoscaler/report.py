"""A choice in words and conditions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .dead_letters import WINDOW_S, DeadLetters
from .decision import Choice, Condition, Decision, Reason
from .demand import Sight
from .memory import Memory
from .situation import Situation

INACTIVE = frozenset({Reason.PINNED, Reason.PAUSED, Reason.METRICS_UNKNOWN, Reason.FALLBACK})


def report(situation: Situation, choice: Choice, memory: Memory) -> Decision:
    working = max(choice.replicas - situation.lost.count, 0)
    eta_s = {
        priority: situation.fleet.eta_s(working, backlog_s / situation.speed)
        for priority, backlog_s in situation.demand.backlog_s.items()
    }
    at_risk = tuple(
        priority
        for priority, target_s in situation.spec.targets_s.items()
        if eta_s[priority] > target_s and situation.demand.need[priority] > situation.wanted - situation.lost.count
    )
    return Decision(
        replicas=choice.replicas,
        reason=choice.reason,
        message=_message(situation, choice.replicas, choice.reason),
        need=situation.demand.need,
        eta_s=eta_s,
        slo_at_risk=at_risk,
        conditions=_conditions(situation, choice, at_risk),
        speed=situation.speed,
        cold_start_s=situation.fleet.cold_start_s,
        ready_in_s=_ready_in_s(situation, choice.replicas),
        memory=memory,
        drain=choice.drain,
        release=choice.release,
    )


def _ready_in_s(situation: Situation, replicas: int) -> float | None:
    fleet, spec = situation.fleet, situation.spec
    if replicas == 0:
        stays = spec.paused or spec.paused_scale_out or spec.pin == 0 or situation.limits.most == 0
        return None if stays else fleet.cold_start_s
    if fleet.ready:
        return 0.0
    if fleet.starting_s:
        return fleet.starting_s[0]
    return fleet.cold_start_s if replicas > situation.lost.count else None


def _message(situation: Situation, replicas: int, reason: Reason) -> str:
    """For example `2 -> 5: 3,640 s of audio, 4.1x per replica, premium 60 s needs 5`."""
    change = f"{situation.replicas} -> {replicas}" if replicas != situation.replicas else f"{replicas}"
    parts = [_sum(situation), _units(situation)]
    known = situation.demand.sight is not Sight.UNKNOWN
    if situation.limited and known and reason is not situation.limits.reason:
        parts.append(WHY[situation.limits.reason](situation))
    if reason in WHY:
        parts.append(WHY[reason](situation))
    return f"{change}: {', '.join(part for part in parts if part)}"


def _sum(situation: Situation) -> str:
    demand = situation.demand
    if demand.sight is Sight.UNKNOWN:
        return ""
    if not demand.waiting and max(demand.need.values()) == 0:
        return "no work"
    priority = max(demand.need, key=lambda one: demand.need[one])
    target_s = situation.spec.targets_s[priority]
    return (
        f"{demand.backlog_s[priority]:,.0f} s of audio, {situation.speed:.1f}x per replica, "
        f"{priority} {target_s:,.0f} s needs {demand.need[priority]}"
    )


def _units(situation: Situation) -> str:
    demand = situation.demand
    if max(demand.need.values()) <= demand.units or demand.sight is Sight.UNKNOWN:
        return ""
    return f"its units of work can use {demand.units}"


def _unknown_for(situation: Situation) -> str:
    since_s = situation.memory.unknown_since_s
    return f"nothing is known of its commands for {situation.now_s - (since_s or situation.now_s):,.0f} s"


def _short_for(situation: Situation) -> str:
    since_s = situation.memory.short_since_s
    short_s = 0.0 if since_s is None else situation.now_s - since_s
    return f"too few for {short_s:.0f} s of {situation.spec.up_stabilisation_s:.0f} s"


WHY: Mapping[Reason, Callable[[Situation], str]] = {
    Reason.ASLEEP: lambda _: "asleep",
    Reason.STABILISING_UP: _short_for,
    Reason.STEP_TAKEN: lambda _: "a step was taken less than 15 s ago",
    Reason.STABILISING_DOWN: lambda one: (
        f"{one.memory.recommendations[0][1]} were wanted within {one.spec.down_stabilisation_s:,.0f} s"
    ),
    Reason.COOLING_DOWN: lambda one: f"sleeps {one.spec.cooldown_s:,.0f} s after its last work",
    Reason.DRAINING: lambda _: "idle replicas are being drained",
    Reason.ALL_BUSY: lambda _: "fewer would do, and every replica is at work",
    Reason.STARTING: lambda one: f"fewer would do, and {len(one.fleet.starting_s)} are starting",
    Reason.ROLLOUT: lambda _: "fewer would do, and a rollout is under way",
    Reason.METRICS_UNKNOWN: _unknown_for,
    Reason.SNAPSHOT_STALE: lambda _: "the backlog is an estimate, so none may go",
    Reason.FALLBACK: lambda one: f"{_unknown_for(one)}, fallback {one.spec.fallback}",
    Reason.PINNED: lambda one: f"pinned to {one.spec.pin}",
    Reason.PAUSED: lambda _: "paused",
    Reason.PAUSED_SCALE_IN: lambda _: "fewer would do, and scaling in is paused",
    Reason.PAUSED_SCALE_OUT: lambda _: "scaling out is paused",
    Reason.AT_MAX: lambda one: f"at most {one.limits.most}",
    Reason.AT_MIN: lambda one: f"at least {one.limits.low}",
    Reason.TOO_FEW_GPUS: lambda one: f"there are GPUs for {one.limits.most}",
    Reason.NO_NODES: lambda one: f"{sum(pod.node == '' for pod in one.lost.pods)} found no node",
    Reason.PODS_NOT_CREATED: lambda one: f"{one.lost.not_created} could not be created",
    Reason.PODS_NOT_READY: lambda one: f"{len(one.lost.pods)} did not become ready",
}


def _conditions(situation: Situation, choice: Choice, at_risk: tuple[str, ...]) -> tuple[Condition, ...]:
    sight, spec, reason = situation.demand.sight, situation.spec, choice.reason
    paused = reason in {Reason.PINNED, Reason.PAUSED, Reason.PAUSED_SCALE_IN, Reason.PAUSED_SCALE_OUT}
    draining = bool(situation.draining or choice.drain)
    return (
        Condition("MetricsAvailable", sight is Sight.FRESH, _SIGHTS[sight], _sight_message(situation)),
        Condition("ScalingActive", reason not in INACTIVE, reason if reason in INACTIVE else "Automatic", ""),
        _limited(situation, reason),
        Condition(
            "SLOAtRisk",
            bool(at_risk),
            "BacklogTooLong" if at_risk else "WithinTargets",
            ", ".join(f"{priority} {spec.targets_s[priority]:,.0f} s" for priority in at_risk),
        ),
        _dead_letters(situation.seen.dead_letters),
        _stuck(situation.seen.stuck_jobs),
        Condition("Draining", draining, "Drains" if draining else "NothingDrains", ""),
        Condition("Paused", paused, reason if paused else "NotPaused", WHY[reason](situation) if paused else ""),
    )


def _dead_letters(seen: DeadLetters | None) -> Condition:
    if seen is None or not seen.grow:
        return Condition("DeadLettersGrowing", False, "Unknown" if seen is None else "NotGrowing", "")
    message = (
        f"{seen.growth:,} more dead letters of {seen.stage} within {WINDOW_S / 60:.0f} min, {seen.count:,} in all: "
        f"voicepipe dead-letters list --stage {seen.stage}"
    )
    return Condition("DeadLettersGrowing", True, "Growing", message)


def _stuck(jobs: int) -> Condition:
    message = f"{jobs:,} of the stage made no progress for half an hour: voicepipe jobs stuck --older-than 30m"
    return Condition("JobsStuck", jobs > 0, "NoProgress" if jobs else "Progress", message if jobs else "")


_SIGHTS = {Sight.FRESH: "Fresh", Sight.ESTIMATED: "SnapshotStale", Sight.UNKNOWN: "Unknown"}


def _sight_message(situation: Situation) -> str:
    if situation.demand.sight is Sight.UNKNOWN:
        return _unknown_for(situation)
    return "" if situation.demand.sight is Sight.FRESH else "the backlog is estimated from the number of commands"


def _limited(situation: Situation, reason: Reason) -> Condition:
    limits = situation.limits
    if situation.limited:
        return Condition("ScalingLimited", True, limits.reason, WHY[limits.reason](situation))
    if reason is Reason.ROLLOUT:
        return Condition("ScalingLimited", True, reason, WHY[reason](situation))
    if situation.needed < limits.low:
        return Condition("ScalingLimited", True, Reason.AT_MIN, WHY[Reason.AT_MIN](situation))
    return Condition("ScalingLimited", False, "WithinLimits", "")
