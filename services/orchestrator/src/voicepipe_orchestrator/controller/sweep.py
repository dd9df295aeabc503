"""Finds work that was lost from the queue, and queues it again.

A unit of work is a stage, or one chunk (`transcribe/7`). It is lost if the job expects it (stage queued or running,
chunk queued) while its newest command is neither unpublished in the outbox nor in the WORK stream: the stream was
deleted or purged. A command that a worker has in flight stays in the stream until it is acked, so slow work is not lost
work. A command that has used up its deliveries stays there too; `advisories` takes care of it.

Only jobs that have not changed for `stuck_after_s` are checked, and one that cannot be checked stops no other (`rows`). The checks read without a lock while workers continue.
Events that may happen in between, and the defence against each:

- The work is finished: it looks lost. `_requeue_lost` goes by the stages under the lock, and requeues none that is
  finished. A chunk gets a second command, which finds a chunk that is not queued (`ChunkHandler.handle`,
  `chunks.save_recognition`) and does nothing.
- `StartTranscription` queues its chunks and is acked: the stage looks lost, and is started again. Results that arrive
  while it is queued are discarded (`lock_if_running`); `StartHandler` repeats the commands of queued chunks
  (`chunks.requeue`), so none is missing.
- A stage whose command is lost is still being worked on. It goes back to queued, so its worker discards the result
  (`lock_if_running`); if a second worker has started it by then, the first of the two to save finishes the stage, and
  the other discards.
- Another sweeper, or a handler, has queued the work again. Under the lock `_requeue_lost` goes by what holds then: a job that was
  checked or has changed meanwhile is left alone (`_is_due`), and work with a newer command than the one that was looked for is not lost
  (`_newest_commands`).

A stage that loses every worker is not requeued forever: after `MAX_ATTEMPTS` starts the job fails with `worker_lost`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter
from voicepipe_wire.errors import Reject
from voicepipe_wire.jobs import jobs, warnings
from voicepipe_wire.jobs.claim import MAX_ATTEMPTS
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Event, Stage, State, advance, fail, outcome
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.envelope import MSG_ID
from voicepipe_wire.messaging.outbox import Outbox, Transaction
from voicepipe_wire.messaging.subjects import WORK
from voicepipe_wire.storage.database import Connection, Pool

from voicepipe_orchestrator import chunks

from .rows import Rows

log = structlog.get_logger(__name__)

REQUEUED = Counter("voicepipe_requeued_total", "Lost work that was queued again", ["stage"])
for _stage in Stage:
    REQUEUED.labels(_stage)  # exported as 0 from the start: Prometheus cannot see the first increase of a new series


class Sweeper:
    def __init__(self, pool: Pool, outbox: Outbox, jetstream: JetStream, stuck_after_s: float) -> None:
        self._pool = pool
        self._outbox = outbox
        self._jetstream = jetstream
        self._stuck_after_s = stuck_after_s
        self._rows = Rows("sweep")

    async def sweep(self) -> int:
        """Check every job that has not changed for a while, and return how many had lost work.

        Several sweepers may run at once.
        """
        rows = await self._pool.fetch(
            """
            SELECT id FROM jobs WHERE finished_at IS NULL AND changed_at < now() - make_interval(secs => $1)
                AND (checked_at IS NULL OR checked_at < now() - make_interval(secs => $1)) AND id <> ALL ($2)
            ORDER BY changed_at LIMIT 500
            """,
            self._stuck_after_s,
            self._rows.resting,
        )
        return sum(await self._rows.each(rows, lambda row: self._sweep_job(row["id"])))

    async def _sweep_job(self, job_id: UUID) -> bool:
        queued = await chunks.queued_indices(self._pool, job_id)
        works = [*(str(stage) for stage in Stage), *map(chunks.work_of, queued)]
        commands = await _newest_commands(self._pool, job_id, works)
        in_queue = {work for work, row in commands.items() if await self._is_in_queue(row)}
        async with self._outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, job_id)
            if job is None or not await self._is_due(transaction, job_id):
                return False
            # Whatever is found, the next check is due after another `stuck_after_s`.
            await jobs.mark_checked(transaction, job_id)
            newest = await _newest_commands(transaction.connection, job_id, works)
            in_queue |= {
                work for work, row in newest.items() if work not in commands or row["id"] != commands[work]["id"]
            }
            lost_chunks = [index for index in queued if chunks.work_of(index) not in in_queue]
            return await self._requeue_lost(transaction, job, in_queue, queued, lost_chunks)

    async def _is_due(self, transaction: Transaction, job_id: UUID) -> bool:
        """Whether a locked job still has to be checked."""
        is_due: bool = await transaction.connection.fetchval(
            """
            SELECT changed_at < now() - make_interval(secs => $2)
                AND (checked_at IS NULL OR checked_at < now() - make_interval(secs => $2))
            FROM jobs WHERE id = $1
            """,
            job_id,
            self._stuck_after_s,
        )
        return is_due

    async def _requeue_lost(
        self, transaction: Transaction, job: StoredJob, in_queue: set[str], queued: list[int], lost_chunks: list[int]
    ) -> bool:
        if job.stages[Stage.TRANSCRIBE] is State.RUNNING:
            for index in lost_chunks:
                chunks.command(transaction, job, index)
            if lost_chunks:
                REQUEUED.labels(Stage.TRANSCRIBE).inc(len(lost_chunks))
                log.warning("lost chunks requeued", job=str(job.id), chunks=len(lost_chunks))
        lost_stages = [
            stage
            for stage, state in job.stages.stages.items()
            if state in {State.QUEUED, State.RUNNING}
            and stage not in in_queue
            # Once a running stage has queued chunks, the command that started it is done. One that is queued has chunks from before
            # a retry.
            and not (stage is Stage.TRANSCRIBE and state is State.RUNNING and queued)
        ]
        for stage in lost_stages:
            # Read again: the stage before this one may have changed the job, or failed it.
            fresh = await jobs.lock(transaction.connection, job.id)
            if fresh is not None and not outcome(fresh.stages):
                await self._requeue_stage(transaction, fresh, stage)
        return bool(lost_stages or lost_chunks)

    async def _requeue_stage(self, transaction: Transaction, job: StoredJob, stage: Stage) -> None:
        REQUEUED.labels(stage).inc()
        log.warning("lost stage requeued", job=str(job.id), stage=stage, attempts=job.attempts[stage])
        if job.attempts[stage] >= MAX_ATTEMPTS and stage is Stage.DIARIZE:
            await warnings.skip_diarization(transaction, job, "speakers_failed")
        elif job.attempts[stage] >= MAX_ATTEMPTS:
            await jobs.fail(transaction, job, fail(job.stages, stage), Reject.of("worker_lost"))
        elif job.stages[stage] is State.RUNNING:
            await jobs.save(transaction, job, advance(job.stages, stage, Event.RETRY))
        else:
            jobs.command(transaction, job, stage)

    async def _is_in_queue(self, row: Any) -> bool:
        """Whether a command is still in the outbox or in the stream."""
        if row["stream_seq"] is None:
            return True
        message = await self._jetstream.find(WORK, row["stream_seq"])
        # A stream that was deleted and recreated counts from one again, so the sequence alone proves nothing.
        return message is not None and (message.headers or {}).get(MSG_ID) == str(row["id"])


async def _newest_commands(connection: Connection, job_id: UUID, works: Iterable[str]) -> dict[str, Any]:
    """The newest command of each of `works` that has any."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT ON (work) work, id, stream_seq FROM outbox WHERE job_id = $1 AND work = ANY($2)
        ORDER BY work, position DESC
        """,
        job_id,
        list(works),
    )
    return {row["work"]: row for row in rows}
