"""Retires pools of speech models that no longer exist, and fails the jobs that wait for them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import structlog
from voicepipe_wire.errors import Reject
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.stages import ACTIVE, Stage, fail
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.storage.database import Pool

from voicepipe_orchestrator import pools

from .rows import Rows

log = structlog.get_logger(__name__)


class MissingPools:
    """`declared` pools are never forgotten, so their jobs wait. Other pools are, after `wait_timeout_s`."""

    def __init__(self, pool: Pool, outbox: Outbox, declared: Collection[str], wait_timeout_s: float) -> None:
        self._pool = pool
        self._outbox = outbox
        self._declared = frozenset(declared)
        self._wait_timeout_s = wait_timeout_s
        self._rows = Rows("missing_pools")

    async def enforce(self) -> int:
        """Returns how many jobs were found waiting for a pool that is gone. Several controllers may do so at once."""
        await pools.retire(self._pool, self._declared, self._wait_timeout_s)
        rows = await self._pool.fetch(
            """
            SELECT j.id FROM jobs j JOIN stages s ON s.job_id = j.id AND s.stage = 'transcribe'
            WHERE s.state IN ('queued', 'running') AND j.options -> 'model' ->> 'name' <> ALL ($1)
                AND NOT EXISTS (SELECT FROM models m WHERE m.name = j.options -> 'model' ->> 'name')
            """,
            list(self._declared),
        )
        await self._rows.each(rows, self._fail)
        return len(rows)

    async def _fail(self, row: Any) -> None:
        async with self._outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, row["id"])
            if job and job.stages[Stage.TRANSCRIBE] in ACTIVE:
                log.warning("pool gone, the job fails", job=str(job.id), pool=job.pool)
                await jobs.fail(transaction, job, fail(job.stages, Stage.TRANSCRIBE), Reject.of("model_gone"))
