"""The backlog of every queue, for operators."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from voicepipe_wire.v1.scaling_pb2 import PoolState, QueueBacklog

from voicepipe_status.dependencies import AppDependencies, Operator
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.pool_states import ready_in_s
from voicepipe_status.schema import Queues, QueueState

# The controller publishes every 3 s; the autoscaler distrusts a backlog of this age as well.
OLD_AFTER_S = 30.0

router = APIRouter(tags=["operators"])


@router.get("/v1/admin/queues", responses=problem_responses("operators_only"), operation_id="list_queues")
async def list_queues(_: Operator, dependencies: AppDependencies) -> Queues:
    """List every queue: seconds of audio, commands, jobs, replicas of an autoscaled pool, and how old these figures are."""
    snapshot = await dependencies.backlog.newest()
    if snapshot is None:
        return Queues(state="missing", published_at=None, age_s=None, queues=[])
    age_s = max(0.0, await dependencies.queries.now_s() - snapshot.at_s)
    return Queues(
        state="old" if age_s > OLD_AFTER_S else "current",
        published_at=datetime.fromtimestamp(snapshot.at_s, UTC),
        age_s=round(age_s, 1),
        queues=[_queue(each, dependencies.pools.of(each.stage, each.pool)) for each in snapshot.queues],
    )


def _queue(queue: QueueBacklog, pool: PoolState | None) -> QueueState:
    wait_s = None if pool is None else ready_in_s(pool)
    return QueueState(
        stage=queue.stage,
        pool=queue.pool or None,
        priority=queue.priority,
        queued_s=round(queue.queued_s, 1),
        in_flight_s=round(queue.in_flight_s, 1),
        arriving_s=round(queue.arriving_s, 1),
        waiting_commands=queue.pending,
        in_flight_commands=queue.in_flight,
        jobs=queue.jobs,
        arriving_jobs=queue.upstream_jobs,
        oldest_s=round(queue.oldest_s, 1),
        replicas=None if pool is None else pool.replicas,
        ready_replicas=None if pool is None else pool.ready,
        ready_in_s=None if wait_s is None else round(wait_s, 1),
    )
