"""The chunks of a job become its transcript."""

from __future__ import annotations

import asyncio
from uuid import UUID

from voicepipe_wire.jobs import diarizations, jobs
from voicepipe_wire.jobs.claim import StageRef, claim, lock_if_running
from voicepipe_wire.jobs.stages import Event, Stage, advance
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.v1.commands_pb2 import AssembleTranscript
from voicepipe_wire.v1.events_pb2 import JobCompleted

from voicepipe_orchestrator import chunks
from voicepipe_orchestrator.pcm_store import drop_pcm

from .document import joined, transcript


class AssembleHandler:
    def __init__(self, pool: Pool, outbox: Outbox, store: ObjectStore) -> None:
        self._pool = pool
        self._outbox = outbox
        self._store = store

    async def handle(self, command: AssembleTranscript) -> None:
        """Safe to repeat: a job whose transcript is saved is left alone."""
        ref = StageRef(UUID(command.job_id), Stage.ASSEMBLE)
        job = await claim(self._outbox, ref)
        if job is None:
            return
        heard = await chunks.load_all(self._pool, job.id)
        turns = await diarizations.load(self._pool, job.id)
        words = await asyncio.to_thread(joined, heard, job.options["task"], turns)
        async with self._outbox.transaction() as transaction:
            if not await lock_if_running(transaction, ref):
                return
            job = await jobs.lock(transaction.connection, job.id) or job
            version = await transaction.connection.fetchval(
                "SELECT coalesce(max(version), 0) + 1 FROM transcripts WHERE job_id = $1", job.id
            )
            about = await transaction.connection.fetchval(
                "SELECT description FROM models WHERE name = $1", job.options["model"]["name"]
            )
            document = transcript(job, version, words, about or {}).to_json()
            await transaction.connection.execute(
                "INSERT INTO transcripts (job_id, owner_id, version, document) VALUES ($1, $2, $3, $4)",
                job.id,
                job.owner_id,
                version,
                document,
            )
            await jobs.save(transaction, job, advance(job.stages, Stage.ASSEMBLE, Event.FINISH))
            completed = JobCompleted(job_id=str(job.id), transcript_version=version)
            transaction.event(job, completed)
        await drop_pcm(self._pool, self._store, job.id)
