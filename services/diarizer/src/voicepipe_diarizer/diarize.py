"""The handler of `DiarizeRecording`: PCM in, speaker turns out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import structlog
from voicepipe_wire import telemetry
from voicepipe_wire.errors import Reject
from voicepipe_wire.failures import tolerating_outages
from voicepipe_wire.jobs import diarizations, jobs, warnings
from voicepipe_wire.jobs.claim import StageRef, claim, lock_if_running
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Event, Stage, advance
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectMissing, ObjectStore
from voicepipe_wire.transcript.turns import Diarization, DiarizedBy
from voicepipe_wire.v1.commands_pb2 import DiarizeRecording
from voicepipe_wire.v1.events_pb2 import StageProgressed

from .audio import samples_of
from .engine import Engine, Run
from .messages import Limits

log = structlog.get_logger(__name__)

PROGRESS_EVERY_S = 1.0


class DiarizeHandler:
    """`remaining_s` is the time that the recording in hand is expected to take still: its own length, until some of it is done."""

    def __init__(
        self, pool: Pool, outbox: Outbox, store: ObjectStore, engine: Engine, scratch_dir: Path, max_audio_s: float
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._store = store
        self._engine = engine
        self._scratch_dir = scratch_dir
        self._max_audio_s = max_audio_s
        self.remaining_s = 0.0

    async def handle(self, command: DiarizeRecording) -> None:
        """Idempotent: a recording whose turns are saved is skipped; otherwise diarization starts over."""
        ref = StageRef(UUID(command.job_id), Stage.DIARIZE)
        job = await claim(self._outbox, ref)
        if job is None:
            return
        if (job.duration_s or 0.0) > self._max_audio_s:
            await self._skip_diarization(ref)
            return
        found = await self._diarize(job)
        if found is not None:
            await self._save(ref, *found)

    async def _diarize(self, job: StoredJob) -> tuple[Diarization, DiarizedBy] | None:
        """The turns, and the model that found them; None if the job no longer needs them."""
        limits = Limits(job.options.get("min_speakers"), job.options.get("max_speakers"))
        try:
            async with samples_of(self._store, job.pcm_key or "", self._scratch_dir) as samples:
                with telemetry.span("diarize", seconds=job.duration_s or 0.0):
                    async with self._engine.run(samples, job.duration_s or 0.0, limits) as run:
                        diarization = await self._follow(job, run)
                        return None if diarization is None else (diarization, run.diarized_by)
        except ObjectMissing as error:
            async with self._outbox.transaction() as transaction:
                if await lock_if_running(transaction, StageRef(job.id, Stage.DIARIZE)) is None:
                    return None
            raise Reject.of("audio_missing") from error

    async def _follow(self, job: StoredJob, run: Run) -> Diarization | None:
        emitted, clock = -1.0, asyncio.get_running_loop().time
        started_s = clock()
        self.remaining_s = job.duration_s or 0.0
        while True:
            await asyncio.wait({run.result}, timeout=PROGRESS_EVERY_S)
            if run.result.done():
                return run.result.result()
            if run.done > emitted:
                emitted = run.done
                with tolerating_outages("progress not saved"):  # hours of work need not end with it
                    if not await self._emit(job, emitted):
                        return None
            if run.done > 0:
                self.remaining_s = (clock() - started_s) * (1 / run.done - 1)

    async def _emit(self, job: StoredJob, done: float) -> bool:
        """Save and publish the progress; False if the job was cancelled, or skips diarization by now."""
        total_s = job.duration_s or 0.0
        async with self._outbox.transaction() as transaction:
            if not await lock_if_running(transaction, StageRef(job.id, Stage.DIARIZE)):
                return False
            await jobs.set_progress(transaction, job, Stage.DIARIZE, done * total_s, total_s)
            event = StageProgressed(job_id=str(job.id), stage=Stage.DIARIZE, done_s=done * total_s, total_s=total_s)
            transaction.progress(job, event)
        return True

    async def _save(self, ref: StageRef, diarization: Diarization, by: DiarizedBy) -> None:
        async with self._outbox.transaction() as transaction:
            job = await lock_if_running(transaction, ref)
            if job is None:
                return
            await diarizations.save(transaction, job, diarization, by)
            await jobs.set_progress(transaction, job, Stage.DIARIZE, job.duration_s or 0.0, job.duration_s or 0.0)
            await jobs.save(transaction, job, advance(job.stages, Stage.DIARIZE, Event.FINISH))

    async def _skip_diarization(self, ref: StageRef) -> None:
        async with self._outbox.transaction() as transaction:
            if job := await lock_if_running(transaction, ref):
                await warnings.skip_diarization(transaction, job, "speakers_too_long", limit_h=self._max_audio_s / 3600)
