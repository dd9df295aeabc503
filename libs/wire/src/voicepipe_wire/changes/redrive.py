"""Repeats the work of a dead letter, with all its attempts."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.message import Message

from voicepipe_wire.jobs import jobs, warnings
from voicepipe_wire.jobs.stages import Stage, State, outcome
from voicepipe_wire.messaging.envelope import job_id_of
from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.v1.commands_pb2 import DiarizeRecording, TranscribeChunk

from . import commands
from .reopening import reopen, reopen_failed_chunks


async def redrive(transaction: Transaction, command: Message, sent_at: datetime, *, at: datetime | None = None) -> bool:
    """Let the job of a dead-lettered command continue; False if its transcript is being assembled: try again once that has ended.

    `sent_at` is when the command was written, `at` when the redrive was requested, by default now. A command whose job is gone, or has continued without it, needs nothing. The caller then drops the entry.
    """
    if type(command) in commands.CONTROL:
        await commands.carry_out(transaction, command, sent_at)
        return True
    job = await jobs.lock(transaction.connection, job_id_of(command))
    if job is None:
        return True
    await jobs.mark_requested(transaction, job, at)
    ended = outcome(job.stages)
    if ended and isinstance(command, DiarizeRecording):
        await warnings.clear(transaction, job, "speakers%")
        await reopen(transaction, job, redo=frozenset({Stage.DIARIZE}))
    elif ended:
        await reopen(transaction, job)
    elif isinstance(command, TranscribeChunk) and job.stages[Stage.TRANSCRIBE] is State.RUNNING:
        await reopen_failed_chunks(transaction, job)
    elif isinstance(command, TranscribeChunk):
        if job.stages[Stage.ASSEMBLE] is not State.WAITING:
            return False
        await reopen(transaction, job)
    return True
