"""Control commands about speakers: diarize again, and rename a speaker."""

from __future__ import annotations

from uuid import UUID

from voicepipe_wire.jobs import diarizations, jobs
from voicepipe_wire.jobs.stages import JobState, Stage
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.v1.commands_pb2 import DiarizeAgain, RenameSpeaker
from voicepipe_wire.v1.events_pb2 import SpeakerRenamed

from .reopen import reopen


class SpeakerCommands:
    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def diarize_again(self, command: DiarizeAgain) -> None:
        """Set the new limits on the job, and repeat its diarization.

        The words are kept. A job that is not completed is left alone.
        """
        async with self._outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, UUID(command.job_id))
            if job is None or job.state is not JobState.COMPLETED:
                return
            limits = {"min_speakers": command.min_speakers or None, "max_speakers": command.max_speakers or None}
            options = {**job.options, **limits, "diarize": True}
            await jobs.set_options(transaction, job, options)
            await jobs.clear_warnings(transaction, job, "speakers%")
            # If diarization is skipped this time, turns found with the old limits must not be used.
            await diarizations.delete(transaction, job)
            await jobs.reset_progress(transaction, job, Stage.DIARIZE)
            await reopen(transaction, job, redo=frozenset({Stage.DIARIZE}))

    async def rename(self, command: RenameSpeaker) -> None:
        """Safe to repeat. A version or a speaker that does not exist is ignored."""
        async with self._outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, UUID(command.job_id))
            if job is None:
                return
            if command.name:
                await transaction.connection.execute(
                    """
                    INSERT INTO speaker_names (job_id, owner_id, version, speaker, name)
                    SELECT job_id, owner_id, version, $3, $4 FROM transcripts
                    WHERE job_id = $1 AND version = $2
                        AND document -> 'speakers' @> jsonb_build_array(jsonb_build_object('id', $3::text))
                    ON CONFLICT (job_id, version, speaker) DO UPDATE SET name = excluded.name
                    """,
                    job.id,
                    command.transcript_version,
                    command.speaker,
                    command.name,
                )
            else:
                await transaction.connection.execute(
                    "DELETE FROM speaker_names WHERE job_id = $1 AND version = $2 AND speaker = $3",
                    job.id,
                    command.transcript_version,
                    command.speaker,
                )
            renamed = SpeakerRenamed(
                job_id=command.job_id, transcript_version=command.transcript_version, speaker=command.speaker
            )
            transaction.event(job, renamed)
