"""The state of a pool that is published after a pass. Pure."""

from __future__ import annotations

from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.v1.scaling_pb2 import PoolState

from voicepipe_autoscaler.decision import Decision
from voicepipe_autoscaler.observation import Observation
from voicepipe_autoscaler.pool import PoolSpec


def pool_state(queue: Queue, spec: PoolSpec, seen: Observation, decision: Decision) -> PoolState:
    low, high = spec.bounds(seen.now_s)
    return PoolState(
        at_s=seen.now_s,
        stage=queue.stage,
        pool=queue.pool or "",
        replicas=decision.replicas,
        # One that goes with this decision takes no more work.
        ready=min(sum(pod.ready for pod in seen.pods), decision.replicas),
        min_replicas=low,
        max_replicas=high,
        cold_start_s=decision.cold_start_s,
        ready_in_s=decision.ready_in_s,
        reason=str(decision.reason),
    )
