"""Metrics of the whole installation: jobs, outbox, pools, dead letters. `backlog` exports those of the queues.

The controller exports them because it always runs. The metrics of workers disappear when a stage is scaled to zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Gauge
from voicepipe_wire.errors import Dependency
from voicepipe_wire.jobs.stages import FINAL, JobState, Stage
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import CONTROL
from voicepipe_wire.storage.database import Pool

from voicepipe_orchestrator import pools

POOL_READY = Gauge("voicepipe_pool_ready", "Whether a pool of speech models has a worker", ["pool"])
DEAD_LETTERS = Gauge("voicepipe_dead_letters", "Dead letters that nobody has redriven or discarded", ["stage"])
OUTBOX_OLDEST = Gauge("voicepipe_outbox_oldest_seconds", "Age of the oldest message that is not published yet")
OUTBOX_UNPUBLISHED = Gauge("voicepipe_outbox_unpublished", "Messages that are due and not published yet")
JOBS = Gauge("voicepipe_jobs", "Unfinished jobs", ["state"])
OLDEST_JOB = Gauge(
    "voicepipe_oldest_waiting_job_seconds", "Time since the unfinished job that waits longest has changed", ["state"]
)
OLDEST_QUEUED = Gauge(
    "voicepipe_oldest_queued_seconds", "Time since the job that no worker has begun for longest was queued", ["stage"]
)
JOBS_WAITING = Gauge(
    "voicepipe_jobs_waiting",
    "Unfinished jobs that wait for an unavailable dependency, as their workers have noted",
    ["dependency"],
)

UNFINISHED = tuple(state for state in JobState if state not in FINAL)


class Gauges:
    def __init__(self, pool: Pool, jetstream: JetStream, declared_pools: Sequence[str]) -> None:
        self._pool = pool
        self._jetstream = jetstream
        self._declared = declared_pools
        self._shown: set[str] = set()

    async def measure(self) -> None:
        await self._measure_jobs()
        await self._measure_stages()
        await self._measure_outbox()
        await self._measure_pools()
        await self._measure_dead_letters()

    async def _measure_jobs(self) -> None:
        rows = await self._pool.fetch(
            """
            SELECT state, count(*) AS jobs, extract(epoch FROM now() - min(changed_at))::float AS oldest_s
            FROM jobs WHERE finished_at IS NULL GROUP BY state
            """
        )
        found = {row["state"]: row for row in rows}
        for state in UNFINISHED:
            row = found.get(state)
            JOBS.labels(state).set(row["jobs"] if row else 0)
            OLDEST_JOB.labels(state).set(row["oldest_s"] if row else 0)

    async def _measure_stages(self) -> None:
        waiting = await self._pool.fetch(
            "SELECT waiting_for, count(DISTINCT job_id) AS jobs FROM stages WHERE waiting_for IS NOT NULL GROUP BY waiting_for"
        )
        jobs_of = {row["waiting_for"]: row["jobs"] for row in waiting}
        for dependency in Dependency:
            JOBS_WAITING.labels(dependency).set(jobs_of.get(str(dependency), 0))
        queued = await self._pool.fetch(
            """
            SELECT stage, extract(epoch FROM now() - min(queued_at))::float AS oldest_s
            FROM stages WHERE state = 'queued' GROUP BY stage
            """
        )
        oldest_s = {row["stage"]: row["oldest_s"] for row in queued}
        for stage in Stage:
            OLDEST_QUEUED.labels(stage).set(oldest_s.get(str(stage)) or 0)

    async def _measure_outbox(self) -> None:
        row = await self._pool.fetchrow(
            """
            SELECT count(*) AS messages, extract(epoch FROM now() - min(due_at))::float AS oldest_s
            FROM outbox WHERE published_at IS NULL AND due_at < now()
            """
        )
        OUTBOX_UNPUBLISHED.set(row["messages"])
        OUTBOX_OLDEST.set(row["oldest_s"] or 0)

    async def _measure_dead_letters(self) -> None:
        found = await self._jetstream.dead_letters()
        if found is not None:  # else the stream does not exist, and nothing is known
            for stage in (*Stage, CONTROL):
                DEAD_LETTERS.labels(stage).set(found.get(str(stage), 0))

    async def _measure_pools(self) -> None:
        known = await pools.load_all(self._pool)
        names = {*self._declared, *known}
        for name in names:
            POOL_READY.labels(name).set(name in known and known[name].is_ready)
        for name in self._shown - names:  # retired: without a series, because 0 would mean that it is missing
            POOL_READY.remove(name)
        self._shown = names
