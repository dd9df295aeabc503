"""Speakers of a transcription: rename them, and run diarization again."""

from __future__ import annotations

from uuid import UUID

from voicepipe_wire.errors import Problem
from voicepipe_wire.jobs.stages import JobState
from voicepipe_wire.storage.objects import ObjectMissing
from voicepipe_wire.v1.commands_pb2 import DiarizeAgain, RenameSpeaker

from voicepipe_status.commands import poll, send, snapshot, wait_for
from voicepipe_status.dependencies import Dependencies
from voicepipe_status.schema import Speaker, SpeakerLimits

from .changes import Changed
from .transcriptions import get
from .transcripts import no_transcript


async def rename(
    dependencies: Dependencies, owner_id: UUID, job_id: UUID, speaker: str, name: str | None
) -> tuple[Speaker, bool]:
    """Name a speaker of the latest version, or remove the name; returns the speaker, and whether it took effect.

    Raises:
        Problem: 404 `not_found` or `speaker_not_found`, 409 `no_speakers`; as `no_transcript` if there is none.
    """
    version, speakers, names = await _speakers(dependencies, owner_id, job_id)
    current = next((each for each in speakers if each.id == speaker), None)
    if current is None:
        raise Problem.of("speaker_not_found", members={"speakers": [each.id for each in speakers]})
    command = RenameSpeaker(
        job_id=str(job_id), owner_id=str(owner_id), transcript_version=version, speaker=speaker, name=name or ""
    )
    await send(dependencies, command, owner_id, job_id)

    async def is_called_so() -> bool:
        return await dependencies.queries.speaker_name(owner_id, job_id, version, speaker) == name

    took_effect = await poll(is_called_so, dependencies.settings.effect_timeout_s)
    shown = name if took_effect else names.get(speaker)
    return current.model_copy(update={"name": shown or current.name}), took_effect


async def diarize_again(
    dependencies: Dependencies, owner_id: UUID, job_id: UUID, limits: SpeakerLimits | None
) -> Changed:
    """Run diarization for a completed transcription, again or for the first time.

    Raises:
        Problem: 404 `not_found`, 409 `not_completed`, 410 `audio_gone`, 501 `no_diarizer`.
    """
    before = await snapshot(dependencies, owner_id, job_id)
    if before.state != JobState.COMPLETED:
        raise Problem.of("not_completed", members={"state": before.state})
    if not dependencies.settings.speakers:
        raise Problem.of("no_diarizer")
    await _need_audio(dependencies, owner_id, job_id)
    command = DiarizeAgain(
        job_id=str(job_id),
        owner_id=str(owner_id),
        min_speakers=(limits and limits.min_speakers) or 0,
        max_speakers=(limits and limits.max_speakers) or 0,
    )
    await send(dependencies, command, owner_id, job_id)
    after = await wait_for(dependencies, owner_id, job_id, lambda now: now.changed_at > before.changed_at)
    took_effect = after is not None and after.changed_at > before.changed_at
    return Changed(await get(dependencies, owner_id, job_id), took_effect)


async def _speakers(
    dependencies: Dependencies, owner_id: UUID, job_id: UUID
) -> tuple[int, list[Speaker], dict[str, str]]:
    """The latest version, its speakers with their default names, and the names given to them by id.

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
    return row["version"], [Speaker.model_validate(each) for each in row["speakers"]], row["names"] or {}


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
