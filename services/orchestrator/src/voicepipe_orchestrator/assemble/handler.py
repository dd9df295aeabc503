"""Assembles the transcript of a job from its chunks and turns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from voicepipe_wire.jobs import diarizations, jobs, speaker_names, warnings
from voicepipe_wire.jobs.claim import StageRef, claim, lock_if_running
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Event, Stage, advance
from voicepipe_wire.messaging.outbox import Outbox, Transaction
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.v1.commands_pb2 import AssembleTranscript
from voicepipe_wire.v1.events_pb2 import JobCompleted

from voicepipe_orchestrator import chunks
from voicepipe_orchestrator.chunks import StoredChunk
from voicepipe_orchestrator.domain import SAMPLE_RATE, voice_of
from voicepipe_orchestrator.pcm_store import delete_pcm

from .document import build_content, build_transcript
from .wordless import wordless

# Speech without words: of less than this nobody would expect any, and this much is missed even if the rest has words.
LEAST_SPEECH_S: Final = 0.5
LEAST_WORDLESS_S: Final = 10.0


class AssembleHandler:
    def __init__(self, pool: Pool, outbox: Outbox, store: ObjectStore) -> None:
        self._pool = pool
        self._outbox = outbox
        self._store = store

    async def handle(self, command: AssembleTranscript) -> None:
        """Save a new version of the transcript. Safe to repeat: a job whose stage is done is left alone."""
        ref = StageRef(UUID(command.job_id), Stage.ASSEMBLE)
        job = await claim(self._outbox, ref)
        if job is None:
            return
        stored_chunks = await chunks.load_all(self._pool, job.id)
        diarization = await diarizations.load(self._pool, job.id)
        content = await asyncio.to_thread(
            build_content, stored_chunks, job.options["task"], diarization, _voice_samples(job)
        )
        async with self._outbox.transaction() as transaction:
            if not await lock_if_running(transaction, ref):
                return
            await _warn_of_silence(transaction, job, stored_chunks)
            job = await jobs.lock(transaction.connection, job.id) or job
            version = await transaction.connection.fetchval(
                "SELECT coalesce(max(version), 0) + 1 FROM transcripts WHERE job_id = $1", job.id
            )
            document = build_transcript(job, version, content, datetime.now(UTC)).to_json()
            await transaction.connection.execute(
                "INSERT INTO transcripts (job_id, owner_id, version, document) VALUES ($1, $2, $3, $4)",
                job.id,
                job.owner_id,
                version,
                document,
            )
            await speaker_names.carry_over(transaction, job, version)
            await jobs.save(transaction, job, advance(job.stages, Stage.ASSEMBLE, Event.FINISH))
            transaction.event(job, JobCompleted(job_id=str(job.id), transcript_version=version))
        await delete_pcm(self._pool, self._store, job.id)


def _voice_samples(job: StoredJob) -> int | None:
    """The length of each voice, None if the channels were mixed."""
    if job.media is None or job.media.voices == 1:
        return None
    return round((job.duration_s or 0.0) * SAMPLE_RATE)


async def _warn_of_silence(transaction: Transaction, job: StoredJob, stored_chunks: Sequence[StoredChunk]) -> None:
    """Say how much sounded like speech and gave no words: all of it in an empty transcript, else only long parts."""
    await warnings.clear(transaction, job, "no_words")
    recognized = [chunk for chunk in stored_chunks if chunk.recognition]
    silent = wordless(recognized)
    silent_s = sum(stretch.duration_s for stretch in silent)
    has_words = any(chunk.recognition and chunk.recognition.words for chunk in recognized)
    if silent and silent_s >= (LEAST_WORDLESS_S if has_words else LEAST_SPEECH_S):
        first = silent[0]
        start_s = first.start_s - voice_of(first.plan, _voice_samples(job) or 0).start_s
        await warnings.warn(
            transaction, job, "no_words", start_s=start_s, duration_s=silent_s, speech=f"{silent_s:.1f} s"
        )
