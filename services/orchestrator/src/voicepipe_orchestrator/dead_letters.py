"""Decides about the job of a dead-lettered command: it fails, or continues without a chunk or speakers."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import Message
from voicepipe_wire.errors import Reject
from voicepipe_wire.jobs import jobs, warnings
from voicepipe_wire.jobs.stages import ACTIVE, Stage, State, fail
from voicepipe_wire.messaging.envelope import job_id_of
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.v1.commands_pb2 import (
    AssembleTranscript,
    DiarizeRecording,
    PrepareRecording,
    StartTranscription,
    TranscribeChunk,
)

from . import chunks

STAGES: Mapping[type[Message], Stage] = {
    PrepareRecording: Stage.PREPARE,
    StartTranscription: Stage.TRANSCRIBE,
    TranscribeChunk: Stage.TRANSCRIBE,
    DiarizeRecording: Stage.DIARIZE,
    AssembleTranscript: Stage.ASSEMBLE,
}


class DeadLetterPolicy:
    def __init__(self, outbox: Outbox, window_chunks: int) -> None:
        self._outbox = outbox
        self._window = window_chunks

    async def __call__(self, command: Message, error: Reject) -> None:
        """Safe to repeat. A control command belongs to no stage and leaves its job as it is."""
        stage = STAGES.get(type(command))
        if stage is None:
            return
        async with self._outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, job_id_of(command))
            if job is None or job.stages[stage] not in ACTIVE:
                return
            if isinstance(command, TranscribeChunk):
                if job.stages[stage] is State.RUNNING:  # otherwise the stage starts again, and requeues this chunk
                    await chunks.skip(transaction, job, command.chunk_index, error.code, self._window)
            elif stage is Stage.DIARIZE:
                await warnings.skip_diarization(transaction, job, "speakers_failed")
            else:
                await jobs.fail(transaction, job, fail(job.stages, stage), error)
