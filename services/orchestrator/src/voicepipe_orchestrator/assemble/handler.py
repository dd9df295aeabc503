"""Assembles the transcript of a job from its chunks and turns."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from voicepipe_wire.jobs import diarizations, jobs, speaker_names
from voicepipe_wire.jobs.claim import StageRef, claim, lock_if_running
from voicepipe_wire.jobs.stages import Event, Stage, advance
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.v1.commands_pb2 import AssembleTranscript
from voicepipe_wire.v1.events_pb2 import JobCompleted

from voicepipe_orchestrator import chunks
from voicepipe_orchestrator.pcm_store import delete_pcm

from .document import build_content, build_transcript


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
        content = await asyncio.to_thread(build_content, stored_chunks, job.options["task"], diarization)
        async with self._outbox.transaction() as transaction:
            if not await lock_if_running(transaction, ref):
                return
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
