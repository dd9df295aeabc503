"""A transcript whose words are there waits for its speakers only so long."""

from __future__ import annotations

import structlog
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.stages import ACTIVE, Stage
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.storage.database import Pool

log = structlog.get_logger(__name__)


class DiarizationDeadline:
    """`wait_s` and the length of the recording: a diarizer that is slower than the recording lasts is of no use."""

    def __init__(self, pool: Pool, outbox: Outbox, wait_s: float) -> None:
        self._pool = pool
        self._outbox = outbox
        self._wait_s = wait_s

    async def enforce(self) -> int:
        """Let every transcript go on that has waited too long; how many those were. Safe beside others who do so."""
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
        for row in rows:
            async with self._outbox.transaction() as transaction:
                job = await jobs.lock(transaction.connection, row["id"])
                if job and job.stages[Stage.DIARIZE] in ACTIVE:
                    log.warning("speakers are late, going on without them", job=str(job.id))
                    await jobs.skip_diarization(transaction, job, "speakers_late")
        return len(rows)
