"""Handlers of the control commands of users and operators: cancel, retry, delete, speakers, redrive, discard."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.message import Message
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.stages import Stage, State, cancel, outcome
from voicepipe_wire.messaging import outbox
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.envelope import job_id_of, unpack
from voicepipe_wire.messaging.outbox import Outbox, Owned
from voicepipe_wire.messaging.patience import Handlers
from voicepipe_wire.messaging.subjects import DLQ, EVENTS, WORK, events_of
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.v1.commands_pb2 import (
    CancelJob,
    DeleteJob,
    DiarizeAgain,
    DiarizeRecording,
    DiscardDeadLetter,
    RedriveDeadLetter,
    RenameSpeaker,
    RetryJob,
    TranscribeChunk,
)
from voicepipe_wire.v1.events_pb2 import JobDeleted

from voicepipe_orchestrator import chunks
from voicepipe_orchestrator.pcm_store import delete_pcm, pcm_prefix

from .reopen import reopen
from .speaker_commands import SpeakerCommands


class ControlCommands:
    def __init__(
        self, pool: Pool, outbox: Outbox, store: ObjectStore, jetstream: JetStream, window_chunks: int
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._store = store
        self._jetstream = jetstream
        self._window_chunks = window_chunks
        self.speakers = SpeakerCommands(outbox)

    @property
    def handlers(self) -> Handlers:
        """Each handler is safe to repeat."""
        return {
            CancelJob: self.cancel,
            RetryJob: self.retry,
            DeleteJob: self.delete,
            DiarizeAgain: self.speakers.diarize_again,
            RenameSpeaker: self.speakers.rename,
            RedriveDeadLetter: self.redrive,
            DiscardDeadLetter: self.discard,
        }

    async def cancel(self, command: CancelJob | DeleteJob) -> None:
        async with self._outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, UUID(command.job_id))
            if job is None or outcome(job.stages):
                return
            await jobs.save(transaction, job, cancel(job.stages))
        await delete_pcm(self._pool, self._store, job.id)

    async def retry(self, command: RetryJob) -> None:
        """Reopen an ended job. Finished chunks are kept, failed ones are tried again."""
        async with self._outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, UUID(command.job_id))
            if job is None or outcome(job.stages) is None:
                return
            await reopen(transaction, job)

    async def delete(self, command: DeleteJob) -> None:
        """Stop the work, then delete objects and messages, then the rows that refer to them."""
        await self.cancel(command)
        job_id = UUID(command.job_id)
        row = await self._pool.fetchrow(
            "SELECT j.owner_id, r.object_key FROM jobs j JOIN recordings r ON r.id = j.recording_id WHERE j.id = $1",
            job_id,
        )
        if row is None:
            return
        await self._store.delete_under(row["object_key"])
        await self._store.delete_under(pcm_prefix(row["owner_id"], job_id))
        await self._jetstream.purge(EVENTS, events_of(row["owner_id"], job_id))
        commands = await self._pool.fetch(
            "SELECT stream_seq FROM outbox WHERE job_id = $1 AND stream_seq IS NOT NULL", job_id
        )
        async with self._outbox.transaction() as transaction:
            connection = transaction.connection
            recording_id = await jobs.delete(transaction, job_id)
            await connection.execute("DELETE FROM recordings WHERE id = $1", recording_id)
            # Delete the job's own upload. Another upload of the same bytes has a copy of them, which retention deletes.
            await connection.execute("DELETE FROM uploads WHERE id = $1", job_id)
            await connection.execute("UPDATE uploads SET expires_at = now() WHERE job_id = $1", job_id)
            await outbox.delete_messages(connection, job_id)
            transaction.event(Owned(job_id, row["owner_id"]), JobDeleted(job_id=str(job_id)))
        # One of them is this command, so they go last: until then a controller that dies is followed by another one.
        for command_row in commands:
            await self._jetstream.drop(WORK, command_row["stream_seq"])

    async def redrive(self, command: RedriveDeadLetter) -> None:
        """Repeat the work of a dead-lettered command with a new message and all its attempts, then drop the entry."""
        dead_command = await self._entry(command.sequence)
        if dead_command is None:
            return
        if handler := self.handlers.get(type(dead_command)):
            await handler(dead_command)
        else:
            await self._redrive_work(job_id_of(dead_command), dead_command)
        await self._jetstream.drop(DLQ, command.sequence)

    async def discard(self, command: DiscardDeadLetter) -> None:
        await self._jetstream.drop(DLQ, command.sequence)

    async def _redrive_work(self, job_id: UUID, command: Message) -> None:
        async with self._outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, job_id)
            if job is None:
                return
            stages = job.stages.stages
            if outcome(job.stages) and isinstance(command, DiarizeRecording):
                await jobs.clear_warnings(transaction, job, "speakers%")
                await reopen(transaction, job, redo=frozenset({Stage.DIARIZE}))
            elif outcome(job.stages):
                await reopen(transaction, job)
            elif isinstance(command, TranscribeChunk) and stages[Stage.TRANSCRIBE] is State.RUNNING:
                await chunks.reopen_failed(transaction, job)
                await chunks.queue_next(transaction, job, self._window_chunks)
            elif isinstance(command, TranscribeChunk):
                if stages[Stage.ASSEMBLE] is not State.WAITING:
                    raise Unavailable(Dependency.JOB, "the job is being assembled")
                await reopen(transaction, job)

    async def _entry(self, sequence: int) -> Message | None:
        message = await self._jetstream.find(DLQ, sequence)
        if message is None:
            return None
        _, command = unpack(message.headers, message.data or b"")
        return command
