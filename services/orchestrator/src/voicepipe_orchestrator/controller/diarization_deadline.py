"""Limits how long a transcript whose words are complete waits for its speakers."""

from __future__ import annotations

from typing import Any

import structlog
from voicepipe_wire.jobs import jobs, warnings
from voicepipe_wire.jobs.stages import ACTIVE, Stage
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.storage.database import Pool

from .rows import Rows

log = structlog.get_logger(__name__)


class DiarizationDeadline:
    """The deadline is `wait_s` plus the length of the recording after the last word was recognized."""

    def __init__(self, pool: Pool, outbox: Outbox, wait_s: float) -> None:
        self._pool = pool
        self._outbox = outbox
        self._wait_s = wait_s
        self._rows = Rows("diarization_deadline")

    async def enforce(self) -> int:
        """Skip the diarization of jobs past their deadline; returns how many were found.

        Several controllers may do so at once.
        """
        rows = await self._pool.fetch(
            """
            SELECT j.id FROM stages speakers
            JOIN stages words ON words.job_id = speakers.job_id AND words.stage = 'transcribe'
            JOIN jobs j ON j.id = speakers.job_id
            WHERE speakers.stage = 'diarize' AND speakers.state IN ('queued', 'running')
                AND words.finished_at < now() - make_interval(secs => $1 + coalesce(j.duration_s, 0))
            """,
            self._wait_s,
        )
        await self._rows.each(rows, self._skip)
        return len(rows)

    async def _skip(self, row: Any) -> None:
        async with self._outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, row["id"])
            if job and job.stages[Stage.DIARIZE] in ACTIVE:
                log.warning("diarization deadline exceeded, continuing without speakers", job=str(job.id))
                await warnings.skip_diarization(transaction, job, "speakers_late")
