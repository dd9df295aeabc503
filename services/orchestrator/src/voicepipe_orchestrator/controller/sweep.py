"""No job is ever stuck: what should be in the queue and is not, is put back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter
from voicepipe_wire.errors import Reject
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.claim import MAX_ATTEMPTS
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Event, Stage, State, advance, fail
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.envelope import MSG_ID
from voicepipe_wire.messaging.outbox import Outbox, Transaction
from voicepipe_wire.messaging.subjects import WORK
from voicepipe_wire.storage.database import Pool

from voicepipe_orchestrator import chunks

log = structlog.get_logger(__name__)

REQUEUED = Counter("voicepipe_requeued_total", "Work that was lost and put back", ["stage"])


class Sweeper:
    def __init__(self, pool: Pool, outbox: Outbox, jetstream: JetStream, stuck_after_s: float) -> None:
        self._pool = pool
        self._outbox = outbox
        self._jetstream = jetstream
        self._stuck_after_s = stuck_after_s

    async def sweep(self) -> int:
        """Look at every job in which nothing moved for a while; how many had lost something. Safe beside other sweepers."""
        rows = await self._pool.fetch(
            """
            SELECT id FROM jobs WHERE finished_at IS NULL AND changed_at < now() - make_interval(secs => $1)
            ORDER BY changed_at LIMIT 500
            """,
            self._stuck_after_s,
        )
        return sum([await self._sweep_job(row["id"]) for row in rows])

    async def _sweep_job(self, job_id: UUID) -> bool:
        async with self._pool.acquire() as connection:
            queued = [
                row["chunk_index"]
                for row in await connection.fetch(
                    "SELECT chunk_index FROM chunks WHERE job_id = $1 AND state = 'queued'", job_id
                )
            ]
        works = [*(str(stage) for stage in Stage), *map(chunks.work_of, queued)]
        in_queue = await self._find_queued(job_id, works)
        async with self._outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, job_id)
            if job is None:
                return False
            # Whatever comes of it, the next look is due after another while.
            await jobs.touch(transaction, job_id)
            lost_chunks = [index for index in queued if chunks.work_of(index) not in in_queue]
            return await self._requeue_lost(transaction, job, in_queue, queued, lost_chunks)

    async def _requeue_lost(
        self, transaction: Transaction, job: StoredJob, in_queue: set[str], queued: list[int], lost_chunks: list[int]
    ) -> bool:
        if job.stages[Stage.TRANSCRIBE] is State.RUNNING:
            for index in lost_chunks:
                chunks.command(transaction, job, index)
            if lost_chunks:
                REQUEUED.labels(Stage.TRANSCRIBE).inc(len(lost_chunks))
                log.warning("chunks were lost, put back", job=str(job.id), chunks=len(lost_chunks))
        stages = [
            stage
            for stage, state in job.stages.stages.items()
            if state in {State.QUEUED, State.RUNNING}
            and stage not in in_queue
            # With chunks in the queue the stage has done its own command.
            and not (stage is Stage.TRANSCRIBE and queued)
        ]
        for stage in stages:
            await self._requeue_stage(transaction, job, stage)
        return bool(stages or lost_chunks)

    async def _requeue_stage(self, transaction: Transaction, job: StoredJob, stage: Stage) -> None:
        REQUEUED.labels(stage).inc()
        log.warning("a stage was lost, put back", job=str(job.id), stage=stage, attempts=job.attempts[stage])
        if job.attempts[stage] >= MAX_ATTEMPTS:
            await jobs.fail(transaction, job, fail(job.stages, stage), Reject.of("worker_lost"))
        elif job.stages[stage] is State.RUNNING:
            await jobs.save(transaction, job, advance(job.stages, stage, Event.RETRY))
        else:
            jobs.command(transaction, job, stage)

    async def _find_queued(self, job_id: UUID, works: Iterable[str]) -> set[str]:
        """Those of `works` whose newest command is still in the outbox or in the stream."""
        rows = await self._pool.fetch(
            """
            SELECT DISTINCT ON (work) work, id, stream_seq FROM outbox WHERE job_id = $1 AND work = ANY($2)
            ORDER BY work, position DESC
            """,
            job_id,
            list(works),
        )
        return {row["work"] for row in rows if row["stream_seq"] is None or await self._is_in_stream(row)}

    async def _is_in_stream(self, row: Any) -> bool:
        message = await self._jetstream.find(WORK, row["stream_seq"])
        # A stream that was deleted and made anew counts from one again.
        return message is not None and (message.headers or {}).get(MSG_ID) == str(row["id"])
