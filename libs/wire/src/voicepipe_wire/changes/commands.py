"""Control commands: how the previous version asked the controller for a change. This version writes none.

Some may lie in the stream during a rolling upgrade, or in DLQ. They are not delivered in order, and may be delivered again after the job has changed.
So one that is no newer than the last change that was requested of its job is ignored, and of renames the newest wins. The times of commands are by the
clock of status, those of other changes by that of PostgreSQL: a command is ignored wrongly only if it was written within the difference of the two.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from voicepipe_wire.jobs import jobs, speaker_names
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.speaker_names import SpeakerOf
from voicepipe_wire.messaging.envelope import job_id_of
from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.v1.commands_pb2 import (
    CancelJob,
    DeleteJob,
    DiarizeAgain,
    DiscardDeadLetter,
    RedriveDeadLetter,
    RenameSpeaker,
    RetryJob,
)

from .cancellation import cancel
from .deletion import delete
from .reopening import retry
from .speakers import diarize_again, rename

# Those about a job, and those about a dead letter.
OF_JOBS: tuple[type[Message], ...] = (CancelJob, RetryJob, DeleteJob, DiarizeAgain, RenameSpeaker)
CONTROL: tuple[type[Message], ...] = (*OF_JOBS, RedriveDeadLetter, DiscardDeadLetter)


async def carry_out(transaction: Transaction, command: Any, sent_at: datetime) -> None:
    """Carry out a command about a job, unless the job is gone or has changed since the command was written. Safe to repeat.

    One about a dead letter does nothing here: an operator sees that entry, and can redrive it.
    """
    if not isinstance(command, OF_JOBS):
        return
    job = await jobs.lock(transaction.connection, job_id_of(command))
    if job is None:
        return
    if isinstance(command, DeleteJob):
        await delete(transaction, job)
    elif isinstance(command, RenameSpeaker):
        await _rename(transaction, job, command, sent_at)
    elif job.requested_at is None or job.requested_at < sent_at:
        await _change(transaction, job, command, sent_at)


async def _change(transaction: Transaction, job: StoredJob, command: Any, sent_at: datetime) -> None:
    match command:
        case CancelJob():
            await cancel(transaction, job, at=sent_at)
        case RetryJob():
            await retry(transaction, job, at=sent_at)
        case DiarizeAgain():
            limits = (command.min_speakers or None, command.max_speakers or None)
            await diarize_again(transaction, job, *limits, at=sent_at)


async def _rename(transaction: Transaction, job: StoredJob, command: RenameSpeaker, sent_at: datetime) -> None:
    speaker = SpeakerOf(command.transcript_version, command.speaker)
    if not await speaker_names.is_newer(transaction, job, speaker, sent_at):
        await rename(transaction, job, speaker, command.name or None, at=sent_at)
