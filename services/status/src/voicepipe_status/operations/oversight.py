"""What operators look at besides dead letters: their own actions, queues, and jobs that make no progress."""

from __future__ import annotations

from datetime import UTC, datetime

from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.stream_reader import parse_sequence
from voicepipe_wire.v1.scaling_pb2 import PoolState, QueueBacklog

from voicepipe_status.dependencies import Dependencies
from voicepipe_status.http import cursors
from voicepipe_status.pool_states import ready_in_s
from voicepipe_status.schema import OperatorAction, OperatorActionPage, Queues, QueueState, StuckJob, StuckJobPage

from .requests import PageRequest, StuckJobsRequest

# The controller publishes every 3 s; the autoscaler distrusts a backlog of this age as well.
OLD_AFTER_S = 30.0


async def operator_actions(dependencies: Dependencies, request: PageRequest) -> OperatorActionPage:
    """Redrives and discards of dead letters, newest first.

    Raises:
        Problem: 400 `bad_cursor`.
    """
    before = parse_sequence(request.cursor) if request.cursor else None
    if request.cursor and before is None:
        raise Problem.of("bad_cursor")
    rows = await dependencies.queries.actions(before, request.limit + 1)
    page = rows[: request.limit]
    return OperatorActionPage(
        items=[OperatorAction(**row) for row in page],
        next_cursor=str(page[-1]["id"]) if len(rows) > request.limit else None,
    )


async def stuck_jobs(dependencies: Dependencies, request: StuckJobsRequest) -> StuckJobPage:
    """Unfinished jobs that have not changed for a while, oldest first.

    Raises:
        Problem: 400 `bad_cursor`.
    """
    after = cursors.decode(request.cursor) if request.cursor else None
    rows = await dependencies.queries.stuck(request.older_than_s, after, request.limit + 1)
    page = rows[: request.limit]
    more = len(rows) > request.limit
    return StuckJobPage(
        items=[StuckJob(**row) for row in page],
        next_cursor=cursors.encode(cursors.Position(page[-1]["changed_at"], page[-1]["id"])) if more else None,
    )


async def queues(dependencies: Dependencies) -> Queues:
    """The backlog of every queue, as the controller last published it."""
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
