"""Speakers of a transcription: what they are called, and telling them apart once more."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Path, Response
from fastapi.responses import JSONResponse
from voicepipe_wire.errors import Problem
from voicepipe_wire.jobs.stages import JobState, Stage
from voicepipe_wire.storage.objects import ObjectMissing
from voicepipe_wire.v1.commands_pb2 import DiarizeAgain, RenameSpeaker

from voicepipe_status.commands import poll, send, snapshot, wait_for
from voicepipe_status.dependencies import AppDependencies, CurrentUser, Dependencies, JobId
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.schema import Speaker, SpeakerLimits, SpeakerName, Transcription

from .transcriptions import read_transcription
from .transcripts import no_transcript

DIARIZER_RETRY_AFTER_S = 30

router = APIRouter(tags=["speakers"])

SpeakerId = Annotated[str, Path(description="As the transcript has it", examples=["speaker_1"])]

_RENAMED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Speaker,
        "description": "They will be called so; that takes longer than 3 s. This is how they are still called",
    },
    **problem_responses("not_found", "speaker_not_found", "not_ready", "cancelled", "no_speakers", "body_too_large"),
}
# `{"name": null}` is told in words: FastAPI drops nulls from examples, and the rest would be refused.
_NAMES = {
    "name": {"summary": "Call them so", "value": {"name": "Chair"}},
}
_LIMITS = {
    "limits": {"summary": "Two to four people talk", "value": {"min_speakers": 2, "max_speakers": 4}},
    "exactly": {"summary": "Two people talk", "value": {"min_speakers": 2, "max_speakers": 2}},
    "no limits": {"summary": "As many as there are", "value": {}},
}


@router.patch(
    "/v1/transcriptions/{job_id}/speakers/{speaker}",
    response_model=Speaker,
    responses=_RENAMED,
    operation_id="rename_speaker",
)
async def rename_speaker(
    job_id: JobId,
    speaker: SpeakerId,
    body: Annotated[SpeakerName, Body(openapi_examples=_NAMES)],
    user: CurrentUser,
    dependencies: AppDependencies,
) -> Response:
    """Name a speaker of the latest version; every format shows the name. Null takes it back.

    Another version of the transcript has speakers of its own.
    """
    version, speakers, names = await _speakers(dependencies, user.id, job_id)
    current = next((each for each in speakers if each.id == speaker), None)
    if current is None:
        raise Problem.of("speaker_not_found", members={"speakers": [each.id for each in speakers]})
    command = RenameSpeaker(
        job_id=str(job_id),
        owner_id=str(user.id),
        transcript_version=version,
        speaker=speaker,
        name=body.name or "",
    )
    await send(dependencies, command, user.id, job_id)

    async def is_called_so() -> bool:
        return await dependencies.queries.speaker_name(user.id, job_id, version, speaker) == body.name

    took_effect = await poll(is_called_so, dependencies.settings.effect_timeout_s)
    name = body.name if took_effect else names.get(speaker)
    renamed = current.model_copy(update={"name": name or current.name})
    return JSONResponse(renamed.model_dump(mode="json"), 200 if took_effect else 202)


@router.post(
    "/v1/transcriptions/{job_id}/diarization",
    status_code=202,
    response_model=Transcription,
    responses={
        202: {"description": "They will be told apart again; the words stay, and the transcript gets another version"},
        **problem_responses("not_found", "not_completed", "audio_gone", "no_diarizer", "body_too_large"),
    },
    operation_id="diarize_again",
)
async def diarize_again(
    job_id: JobId,
    user: CurrentUser,
    dependencies: AppDependencies,
    limits: Annotated[SpeakerLimits | None, Body(openapi_examples=_LIMITS)] = None,
) -> Response:
    """Tell the speakers of a completed transcription apart again, or for the first time, within these limits."""
    before = await snapshot(dependencies, user.id, job_id)
    if before.state != JobState.COMPLETED:
        raise Problem.of("not_completed", members={"state": before.state})
    if not await dependencies.queries.is_alive(Stage.DIARIZE):
        raise Problem.of("no_diarizer", retry_after_s=DIARIZER_RETRY_AFTER_S)
    await _need_audio(dependencies, user.id, job_id)
    command = DiarizeAgain(
        job_id=str(job_id),
        owner_id=str(user.id),
        min_speakers=(limits and limits.min_speakers) or 0,
        max_speakers=(limits and limits.max_speakers) or 0,
    )
    await send(dependencies, command, user.id, job_id)
    await wait_for(dependencies, user.id, job_id, lambda now: now.changed_at > before.changed_at)
    transcription = await read_transcription(dependencies, user.id, job_id)
    return JSONResponse(transcription.model_dump(mode="json"), 202)


async def _speakers(
    dependencies: Dependencies, owner_id: UUID, job_id: UUID
) -> tuple[int, list[Speaker], dict[str, str]]:
    """The latest version, its speakers as they were counted, and the names that people gave them."""
    row = await dependencies.queries.speakers(owner_id, job_id)
    if row is None:
        raise Problem.of("not_found", what="transcription")
    if row["version"] is None:
        raise no_transcript(row)
    if not row["speakers"]:
        raise Problem.of("no_speakers")
    return row["version"], [Speaker.model_validate(each) for each in row["speakers"]], row["names"] or {}


async def _need_audio(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> None:
    """Without the original the job would end as failed, and it is completed now."""
    recording = await dependencies.queries.recording(owner_id, job_id)
    if recording is None:
        raise Problem.of("not_found", what="transcription")
    try:
        await dependencies.objects.size_bytes(recording["object_key"])
    except ObjectMissing:
        raise Problem.of("audio_gone") from None
