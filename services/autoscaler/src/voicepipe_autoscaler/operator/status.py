"""The status of a WorkerPool after a pass, and the events that it causes. Pure.

Only what changed is worth a write: the memory alone is written once a minute, and figures that move all the time once in five
seconds at most. `lastTransitionTime` moves only when a condition changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from voicepipe_autoscaler.control.reconcile import Pass
from voicepipe_autoscaler.decision import Condition, Reason

from .worker_pool import WorkerPool

HISTORY = 10
FIGURES_EVERY_S = 5.0
MEMORY_EVERY_S = 60.0
# What moves while nothing happens.
FIGURES = ("backlogSeconds", "backlog", "eta", "speed", "message", "need")

_DONE = {Reason.WOKEN_UP, Reason.SCALED_UP, Reason.SCALED_DOWN, Reason.SCALED_TO_ZERO}


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """`kind` is Normal or Warning."""

    reason: str
    kind: str
    note: str


def status_after(pool: WorkerPool, done: Pass, selector: str) -> dict[str, Any]:
    """The whole status after this pass."""
    seen, decision = done.seen, done.decision
    backlog_s = sum(work.queued_s + work.in_flight_s for work in seen.work.values())
    eta_s = max(decision.eta_s.values(), default=0.0)
    ready = sum(pod.ready for pod in seen.pods)
    status = {
        "observedGeneration": pool.generation,
        "selector": selector,
        "replicas": len(seen.pods),
        "readyReplicas": ready,
        "ready": f"{ready}/{seen.replicas}",
        "desiredReplicas": decision.replicas,
        "backlogSeconds": round(backlog_s),
        "backlog": duration(backlog_s),
        "eta": duration(eta_s) if math.isfinite(eta_s) else "never",
        "slo": f"AtRisk({','.join(decision.slo_at_risk)})" if decision.slo_at_risk else "OK",
        "reason": str(decision.reason),
        "message": decision.message,
        "speed": f"{decision.speed:.1f}x",
        "coldStart": duration(decision.cold_start_s),
        "need": dict(decision.need),
        "conditions": _conditions(pool, [*decision.conditions, *_kstatus(done, ready)], seen.now_s),
        "history": _history(pool, done),
        "memory": decision.memory.to_json(),
    }
    if seen.free_gpus is not None:
        status["freeGPUs"] = seen.free_gpus
    if done.changes:
        status["lastScaleTime"] = timestamp(seen.now_s)
    elif "lastScaleTime" in pool.status:
        status["lastScaleTime"] = pool.status["lastScaleTime"]
    return status


def is_worth_writing(before: Mapping[str, Any], after: Mapping[str, Any], since_write_s: float) -> bool:
    """Whether a status differs from the one that was written `since_write_s` ago in more than figures that always move."""
    if _without(before, "memory", *FIGURES) != _without(after, "memory", *FIGURES):
        return True
    if _without(before, "memory") != _without(after, "memory"):
        return since_write_s >= FIGURES_EVERY_S
    return before.get("memory") != after.get("memory") and since_write_s >= MEMORY_EVERY_S


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What makes `after` of `before`: a merge patch merges objects, and removes what is null."""
    patch: dict[str, Any] = dict.fromkeys(before.keys() - after.keys())
    for key, value in after.items():
        inner = before.get(key)
        patch[key] = (
            merge_patch(inner if isinstance(inner, Mapping) else {}, value) if isinstance(value, dict) else value
        )
    return patch


def stalled_status(before: Mapping[str, Any], generation: int, why: Condition, now_s: float) -> dict[str, Any]:
    """The status of a pool that cannot be scaled as it is, for the reason `why`; everything else stays as it was."""
    conditions = {one["type"]: one for one in before.get("conditions", ())}
    for one in {why.type: why, "Stalled": Condition("Stalled", True, why.reason, why.message)}.values():
        conditions[one.type] = _condition(one, conditions.get(one.type), generation, now_s)
    return {
        **before,
        "observedGeneration": generation,
        "reason": why.reason,
        "message": why.message,
        "conditions": [conditions[name] for name in sorted(conditions)],
    }


def event_of(done: Pass) -> PoolEvent | None:
    """The event of a pass that changed the replicas."""
    if not done.changes:
        return None
    decision = done.decision
    reason = (
        decision.reason
        if decision.reason in _DONE
        else (Reason.SCALED_UP if decision.replicas > done.seen.replicas else Reason.SCALED_DOWN)
    )
    return PoolEvent(str(reason), "Normal", decision.message)


def events_of_conditions(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[PoolEvent]:
    """A warning for each condition that an operator must know of and that has just become true, or false for `MetricsAvailable`."""
    was = {one["type"]: one["status"] for one in before}
    bad = {
        **dict.fromkeys(("SLOAtRisk", "DeadLettersGrowing", "JobsStuck", "Stalled", "Conflict"), "True"),
        "MetricsAvailable": "False",
    }
    return [
        PoolEvent(one["reason"], "Warning", one["message"] or one["type"])
        for one in after
        if one["type"] in bad and one["status"] == bad[one["type"]] != was.get(one["type"])
    ]


def duration(seconds: float) -> str:
    """`1h02m`, `3m20s`, `12s`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def timestamp(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _kstatus(done: Pass, ready: int) -> list[Condition]:
    """Ready, Reconciling and Stalled, as tools that wait for objects understand them."""
    decision = done.decision
    settled = ready == decision.replicas == done.seen.replicas
    missing = f"{ready} of {decision.replicas} replicas are ready"
    return [
        Condition("Ready", settled, "AsDesired" if settled else "Changing", "" if settled else missing),
        Condition("Reconciling", not settled, "Changing" if not settled else "AsDesired", "" if settled else missing),
        Condition("Stalled", False, "Usable", ""),
    ]


def _conditions(pool: WorkerPool, conditions: Sequence[Condition], now_s: float) -> list[dict[str, Any]]:
    before = {one["type"]: one for one in pool.status.get("conditions", ())}
    return sorted(
        (_condition(one, before.get(one.type), pool.generation, now_s) for one in conditions),
        key=lambda one: one["type"],
    )


def _condition(condition: Condition, before: Mapping[str, Any] | None, generation: int, now_s: float) -> dict[str, Any]:
    status = "True" if condition.status else "False"
    unchanged = before is not None and before["status"] == status
    return {
        "type": condition.type,
        "status": status,
        "reason": condition.reason,
        "message": condition.message,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before and unchanged else timestamp(now_s),
    }


def _history(pool: WorkerPool, done: Pass) -> list[dict[str, Any]]:
    """The newest decision first."""
    before = list(pool.status.get("history", ()))
    if not done.changes:
        return before
    decision = done.decision
    entry = {
        "at": timestamp(done.seen.now_s),
        "from": done.seen.replicas,
        "to": decision.replicas,
        "reason": str(decision.reason),
        "message": decision.message,
    }
    return [entry, *before][:HISTORY]


def _without(status: Mapping[str, Any], *names: str) -> dict[str, Any]:
    kept = {key: value for key, value in status.items() if key not in names}
    if "message" in names:
        kept["conditions"] = [
            {key: value for key, value in one.items() if key != "message"} for one in status.get("conditions", ())
        ]
    return kept
