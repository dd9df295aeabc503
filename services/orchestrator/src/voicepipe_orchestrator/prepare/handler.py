"""Prepares a recording: decodes it, stores the PCM, detects speech and plans the chunks."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from onnxruntime import InferenceSession
from voicepipe_wire import telemetry
from voicepipe_wire.errors import Reject
from voicepipe_wire.jobs import jobs, warnings
from voicepipe_wire.jobs.claim import StageRef, claim, lock_if_running
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Event, Stage, State, advance
from voicepipe_wire.messaging.outbox import Outbox, Transaction
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import MultipartWriter, ObjectMissing, ObjectStore
from voicepipe_wire.transcript.media import Media
from voicepipe_wire.transcript.pcm_format import pcm_prefix
from voicepipe_wire.v1.commands_pb2 import PrepareRecording
from voicepipe_wire.v1.events_pb2 import StageProgressed

from voicepipe_orchestrator import chunks
from voicepipe_orchestrator.domain import SAMPLE_BYTES, SAMPLE_RATE, ChunkPlan

from .decode import Decoded, Wish, decode
from .decoder_process import DecodeLimits, Spare
from .findings import warnings_of
from .vad import SpeechDetector
from .voices import plan_voices

PROGRESS_EVERY_S = 1.0


class Stopped(Exception):
    """The job was cancelled or deleted, or its stage requeued or finished by another worker, during the work."""


@dataclass(frozen=True, slots=True)
class Prepared:
    decoded: Decoded
    plans: tuple[ChunkPlan, ...]
    pcm_key: str


class PrepareHandler:
    """`speakers`: whether this installation has a diarizer, running or not. `spare` has a decoder that is already running."""

    def __init__(
        self,
        pool: Pool,
        outbox: Outbox,
        store: ObjectStore,
        detector: InferenceSession,
        scratch_dir: Path,
        limits: DecodeLimits,
        *,
        speakers: bool,
        spare: Spare | None = None,
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._store = store
        self._detector = detector
        self._scratch_dir = scratch_dir
        self._limits = limits
        self._speakers = speakers
        self._spare = spare

    async def handle(self, command: PrepareRecording) -> None:
        """Safe to repeat: a prepared recording is left alone; otherwise the work starts from the beginning."""
        ref = StageRef(UUID(command.job_id), Stage.PREPARE)
        job = await claim(self._outbox, ref)
        if job is None:
            return
        # Each attempt has its own key: another attempt that is still running elsewhere can only delete its own object.
        pcm_key = f"{pcm_prefix(job.owner_id, job.id)}/{uuid4()}"
        try:
            async with self._original(job) as path:
                prepared = await self._decode(job, path, pcm_key)
            saved = await self._save(ref, prepared)
        except ObjectMissing as error:
            raise Reject.of("audio_missing") from error
        except Stopped:
            saved = False
        if not saved:
            await self._store.delete(pcm_key)

    @asynccontextmanager
    async def _original(self, job: StoredJob) -> AsyncIterator[Path]:
        """The upload as a local file, because the decoder seeks.

        The file has no name, so it does not survive a killed process.
        """
        key = await self._pool.fetchval("SELECT object_key FROM recordings WHERE id = $1", job.recording_id)
        if key is None:
            raise Stopped  # the job was deleted since it was claimed
        with (
            telemetry.span("fetch original"),
            tempfile.TemporaryFile(dir=self._scratch_dir) as file,
        ):
            async with self._store.open(key) as blocks:
                async for block in blocks:
                    await asyncio.to_thread(file.write, block)
            file.flush()
            yield Path(f"/proc/self/fd/{file.fileno()}")

    async def _decode(self, job: StoredJob, path: Path, pcm_key: str) -> Prepared:
        """Decode once, passing every block to the detector and to the PCM object."""
        detector = SpeechDetector(self._detector)
        clock = asyncio.get_running_loop().time
        samples, next_report_s = 0, clock() + PROGRESS_EVERY_S
        async with (
            MultipartWriter(self._store, pcm_key) as writer,
            decode(path, _wish(job), self._limits, self._spare) as decoding,
        ):
            async for block in decoding:
                await asyncio.gather(writer.write(block), asyncio.to_thread(detector.feed, block))
                samples += len(block) // SAMPLE_BYTES
                if clock() >= next_report_s:
                    next_report_s = clock() + PROGRESS_EVERY_S
                    await self._report_progress(job, samples / SAMPLE_RATE, decoding.hint_s)
            probabilities = await asyncio.to_thread(detector.finish)
            await writer.finish()
            found = decoding.result.found
            plans = await asyncio.to_thread(plan_voices, probabilities, found.media.voices, found.samples)
            return Prepared(decoding.result, plans, pcm_key)

    async def _report_progress(self, job: StoredJob, done_s: float, hint_s: float | None) -> None:
        total_s = max(done_s, hint_s or 0.0)
        async with self._outbox.transaction() as transaction:
            if not await lock_if_running(transaction, StageRef(job.id, Stage.PREPARE)):
                raise Stopped
            await jobs.set_progress(transaction, job, Stage.PREPARE, done_s, total_s)
            event = StageProgressed(job_id=str(job.id), stage=Stage.PREPARE, done_s=done_s, total_s=total_s)
            transaction.progress(job, event)

    async def _save(self, ref: StageRef, prepared: Prepared) -> bool:
        """Save chunks, durations and what was found, and finish the stage; False if it is no longer running."""
        found = prepared.decoded.found
        duration_s = found.samples / SAMPLE_RATE
        speech_s = sum(chunk.speech_s for chunk in prepared.plans)
        async with self._outbox.transaction() as transaction:
            job = await lock_if_running(transaction, ref)
            if job is None:
                return False
            await chunks.replace_plan(transaction, job, prepared.plans)
            await jobs.set_prepared(
                transaction, job, duration_s=duration_s, speech_s=speech_s, pcm_key=prepared.pcm_key, media=found.media
            )
            decoded_s = found.all_samples / SAMPLE_RATE
            await jobs.set_progress(transaction, job, Stage.PREPARE, decoded_s, decoded_s)
            for warning in warnings_of(found, speech_s, wished_track=_wish(job).track):
                await warnings.warn(
                    transaction,
                    job,
                    warning.code,
                    start_s=warning.start_s,
                    duration_s=warning.duration_s,
                    **warning.values,
                )
            await self._finish(transaction, job, found.media)
        return True

    async def _finish(self, transaction: Transaction, job: StoredJob, media: Media) -> None:
        stages = advance(job.stages, Stage.PREPARE, Event.FINISH)
        if stages[Stage.DIARIZE] is State.WAITING:
            if media.voices > 1:  # the channels are the speakers
                stages = advance(stages, Stage.DIARIZE, Event.SKIP)
            elif not self._speakers:
                stages = advance(stages, Stage.DIARIZE, Event.SKIP)
                await warnings.warn(transaction, job, "speakers_unavailable")
        await jobs.save(transaction, job, stages)


def _wish(job: StoredJob) -> Wish:
    """Jobs of earlier versions have neither option, and were always mixed."""
    return Wish(job.options.get("track"), job.options.get("channels", "mix"))
