"""Speakers of a transcription: rename them, and run diarization again."""

from __future__ import annotations

from uuid import UUID

from voicepipe_wire.changes.speakers import diarize_again as diarize_job_again
from voicepipe_wire.changes.speakers import rename as rename_speaker
from voicepipe_wire.errors import Problem
from voicepipe_wire.jobs.speaker_names import SpeakerOf
from voicepipe_wire.jobs.stages import JobState
from voicepipe_wire.storage.objects import ObjectMissing
from voicepipe_wire.web import idempotency
from voicepipe_wire.web.idempotency import Answer, Hold

from voicepipe_status.dependencies import Dependencies
from voicepipe_status.schema import Speaker, SpeakerLimits, Transcription

from .changes import changing
from .transcriptions import get, snapshot
from .transcripts import no_transcript


async def rename(dependencies: Dependencies, owner_id: UUID, job_id: UUID, speaker: str, name: str | None) -> Speaker:
    """Name a speaker of the latest version, or remove the name; returns the speaker.

    Raises:
        Problem: 404 `not_found` or `speaker_not_found`, 409 `no_speakers`; as `no_transcript` if there is none.
    """
    version, speakers = await _speakers(dependencies, owner_id, job_id)
    current = next((each for each in speakers if each.id == speaker), None)
    if current is None:
        raise Problem.of("speaker_not_found", members={"speakers": [each.id for each in speakers]})
    async with changing(dependencies, owner_id, job_id, "rename_speaker") as (transaction, job):
        await rename_speaker(transaction, job, SpeakerOf(version, speaker), name)
    return current.model_copy(update={"name": name or current.name})


async def diarize_again(
    dependencies: Dependencies, owner_id: UUID, job_id: UUID, limits: SpeakerLimits | None, key: str | None = None
) -> Transcription:
    """Run diarization for a completed transcription, again or for the first time; once for each idempotency key.

    Raises:
        Problem: 404 `not_found`, 409 `not_completed`, `channels_are_speakers` or `idempotency_in_flight`, 410 `audio_gone`,
            422 `idempotency_key_reused`, 501 `no_diarizer`.
    """
    limits = limits or SpeakerLimits()
    request = idempotency.fingerprint("diarize again", str(job_id), limits.model_dump())
    async with dependencies.keys.held(owner_id, key, request) as hold:
        if hold.answer is None:
            await _diarize_again(dependencies, owner_id, job_id, limits, hold)
    return await get(dependencies, owner_id, job_id)


async def _diarize_again(
    dependencies: Dependencies, owner_id: UUID, job_id: UUID, limits: SpeakerLimits, hold: Hold
) -> None:
    before = await snapshot(dependencies, owner_id, job_id)
    if before.state != JobState.COMPLETED:
        raise Problem.of("not_completed", members={"state": before.state})
    if before.channel_mode == "separate":
        raise Problem.of("channels_are_speakers")
    if not dependencies.settings.speakers:
        raise Problem.of("no_diarizer")
    # Before the lock: the object store may be slow.
    await _need_audio(dependencies, owner_id, job_id)
    async with changing(dependencies, owner_id, job_id, "diarize_again") as (transaction, job):
        if not await diarize_job_again(transaction, job, limits.min_speakers, limits.max_speakers):
            raise Problem.of("not_completed", members={"state": job.state})
        # A repetition is answered with the transcription as it is by then.
        request = idempotency.fingerprint("diarize again", str(job_id), limits.model_dump())
        await hold.complete(transaction.connection, request, Answer(202, {}), job_id)


async def _speakers(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> tuple[int, list[Speaker]]:
    """The latest version, and its speakers with their default names.

    Raises:
        Problem: 404 `not_found` or 409 `no_speakers`; as `no_transcript` if there is none.
    """
    row = await dependencies.queries.speakers(owner_id, job_id)
    if row is None:
        raise Problem.of("not_found", what="transcription")
    if row["version"] is None:
        raise no_transcript(row)
    if not row["speakers"]:
        raise Problem.of("no_speakers")
    return row["version"], [Speaker.model_validate(each) for each in row["speakers"]]


async def _need_audio(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> None:
    """Require the original: without it the job, which is completed now, would fail.

    Raises:
        Problem: 404 `not_found` or 410 `audio_gone`.
    """
    recording = await dependencies.queries.recording(owner_id, job_id)
    if recording is None:
        raise Problem.of("not_found", what="transcription")
    try:
        await dependencies.objects.size_bytes(recording["object_key"])
    except ObjectMissing:
        raise Problem.of("audio_gone") from None
