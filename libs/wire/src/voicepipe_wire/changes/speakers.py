"""Tells the speakers of a job apart again, and names them."""

from __future__ import annotations

from datetime import datetime

from voicepipe_wire.jobs import diarizations, jobs, speaker_names, warnings
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.speaker_names import SpeakerOf
from voicepipe_wire.jobs.stages import JobState, Stage
from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.v1.events_pb2 import SpeakerRenamed

from .reopening import reopen


async def diarize_again(
    transaction: Transaction,
    job: StoredJob,
    min_speakers: int | None,
    max_speakers: int | None,
    *,
    at: datetime | None = None,
) -> bool:
    """Set the new limits on a completed job, and repeat its diarization; False if it is not completed. The words are kept.

    `at` is when it was requested, by default now.
    """
    if job.state is not JobState.COMPLETED:
        return False
    await jobs.mark_requested(transaction, job, at)
    limits = {"min_speakers": min_speakers, "max_speakers": max_speakers}
    await jobs.set_options(transaction, job, {**job.options, **limits, "diarize": True})
    await warnings.clear(transaction, job, "speakers%")
    # If diarization is skipped this time, turns found with the old limits must not be used.
    await diarizations.delete(transaction, job)
    await jobs.reset_progress(transaction, job, Stage.DIARIZE)
    await reopen(transaction, job, redo=frozenset({Stage.DIARIZE}))
    return True


async def rename(
    transaction: Transaction, job: StoredJob, speaker: SpeakerOf, name: str | None, *, at: datetime | None = None
) -> bool:
    """Name a speaker, or remove the name; False if the version has no such speaker. `at` as above."""
    if not await speaker_names.put(transaction, job, speaker, name, at=at):
        return False
    renamed = SpeakerRenamed(job_id=str(job.id), transcript_version=speaker.version, speaker=speaker.id)
    transaction.event(job, renamed)
    return True
