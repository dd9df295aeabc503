"""WorkerPools in the form of the API, for tests."""

from __future__ import annotations

from typing import Any

from pools import NOW_S, pool, seen, settled
from voicepipe_autoscaler.control.reconcile import Pass
from voicepipe_autoscaler.decide import decide
from voicepipe_autoscaler.operator.worker_pool import WorkerPool, read


def body(
    *, annotations: dict[str, str] | None = None, status: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """One as the API server stores it, with the defaults of its schema."""
    return {
        "metadata": {"name": "fast", "uid": "1-2-3", "generation": 3, "annotations": annotations or {}},
        "spec": {
            "target": {"name": "voicepipe-transcribe-fast"},
            "queue": {"stage": "transcribe", "pool": "fast"},
            "min": 0,
            "max": 10,
            "targets": [{"priority": "premium", "seconds": 60}, {"priority": "standard", "seconds": 600}],
            "slots": 3,
            "speed": 4,
            "coldStartSeconds": 20,
            "headroom": 1.1,
            "upStabilisationSeconds": 10,
            "downStabilisationSeconds": 300,
            "cooldownSeconds": 300,
            "wakeOn": "prepare",
            "fallback": "hold",
            "nodeAutoscaling": False,
            "drainBusy": False,
            **spec,
        },
        "status": status or {},
    }


def worker_pool(**fields: Any) -> WorkerPool:
    return read(body(**fields))


def a_pass(replicas: int = 2, **work: Any) -> Pass:
    """A pass over a settled pool with so many replicas and so much work."""
    observation = seen(replicas, **work)
    return Pass(observation, decide(pool(), observation, settled(replicas, short_since_s=NOW_S - 20)))
