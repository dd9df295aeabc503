"""The metrics of the pools that this process scales."""

from __future__ import annotations

import math

from prometheus_client import Counter, Gauge

from voicepipe_autoscaler.control.reconcile import Pass

from .worker_pool import WorkerPool

REPLICAS = Gauge("voicepipe_pool_replicas", "Replicas of a pool", ["pool", "kind"])
ETA = Gauge("voicepipe_pool_eta_seconds", "When the backlog of a priority will be done", ["pool", "priority"])
SPEED = Gauge("voicepipe_pool_speed_ratio", "Seconds of audio per second of one replica", ["pool"])
COLD_START = Gauge(
    "voicepipe_pool_cold_start_seconds", "Time from the request for a replica until it is ready", ["pool"]
)
AT_RISK = Gauge("voicepipe_pool_slo_at_risk", "Whether a priority will miss its target", ["pool", "priority"])
AGE = Gauge("voicepipe_pool_data_age_seconds", "Age of the backlog on which the last decision stands", ["pool"])
ASLEEP = Gauge("voicepipe_pool_asleep", "Whether the autoscaler lets a pool sleep", ["stage", "pool"])
DECISIONS = Counter("voicepipe_pool_decisions_total", "Changes of the replicas", ["pool", "direction", "reason"])
LEADER = Gauge("voicepipe_operator_leader", "Whether this process scales the pools")

_OF_POOLS = (REPLICAS, ETA, SPEED, COLD_START, AT_RISK, AGE, ASLEEP)


def forget() -> None:
    """Export nothing of any pool: another process leads, or a pool is gone. What still exists is exported by its next pass."""
    for metric in _OF_POOLS:
        metric.clear()


def export(pool: WorkerPool, done: Pass) -> None:
    seen, decision, name = done.seen, done.decision, pool.name
    ready = sum(pod.ready for pod in seen.pods)
    for kind, count in {"desired": decision.replicas, "asked": seen.replicas, "ready": ready}.items():
        REPLICAS.labels(name, kind).set(count)
    for priority, eta_s in decision.eta_s.items():
        ETA.labels(name, priority).set(eta_s if math.isfinite(eta_s) else math.inf)
        AT_RISK.labels(name, priority).set(priority in decision.slo_at_risk)
    SPEED.labels(name).set(decision.speed)
    COLD_START.labels(name).set(decision.cold_start_s)
    AGE.labels(name).set(math.inf if seen.snapshot_at_s is None else seen.now_s - seen.snapshot_at_s)
    ASLEEP.labels(pool.queue.stage, pool.queue.pool or "").set(decision.replicas == 0)
    if done.changes:
        direction = "up" if decision.replicas > seen.replicas else "down"
        DECISIONS.labels(name, direction, str(decision.reason)).inc()
