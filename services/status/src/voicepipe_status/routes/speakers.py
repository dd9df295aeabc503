"""Speakers of a transcription: rename them, and run diarization again."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Path, Response
from fastapi.responses import JSONResponse
from voicepipe_wire.errors import Problem
from voicepipe_wire.jobs.stages import JobState
from voicepipe_wire.storage.objects import ObjectMissing
from voicepipe_wire.v1.commands_pb2 import DiarizeAgain, RenameSpeaker

from voicepipe_status.commands import poll, send, snapshot, wait_for
from voicepipe_status.dependencies import AppDependencies, CurrentUser, Dependencies, JobId
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.schema import Speaker, SpeakerLimits, SpeakerName, Transcription

from .transcriptions import read_transcription
from .transcripts import no_transcript

router = APIRouter(tags=["speakers"])

SpeakerId = Annotated[str, Path(description="Id of the speaker in the transcript", examples=["speaker_1"])]

_RENAMED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Speaker,
        "description": "Accepted; it had not taken effect within 3 s. The body has the current name",
    },
    **problem_responses("not_found", "speaker_not_found", "not_ready", "cancelled", "no_speakers", "body_too_large"),
}
# There is no example of `{"name": null}`: FastAPI drops nulls from examples, and `{}` would be invalid.
_NAMES = {
    "name": {"summary": "Rename the speaker", "value": {"name": "Chair"}},
}
_LIMITS = {
    "limits": {"summary": "Two to four speakers", "value": {"min_speakers": 2, "max_speakers": 4}},
    "exactly": {"summary": "Exactly two speakers", "value": {"min_speakers": 2, "max_speakers": 2}},
    "no limits": {"summary": "No limits", "value": {}},
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
    """Rename a speaker of the latest version, in every format. Null removes the name.

    Names belong to one version of the transcript.
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
        202: {
            "description": "Accepted: diarization runs again. The words are kept, and the transcript gets a new version"
        },
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
    """Run diarization for a completed transcription, again or for the first time, within these limits."""
    before = await snapshot(dependencies, user.id, job_id)
    if before.state != JobState.COMPLETED:
        raise Problem.of("not_completed", members={"state": before.state})
    if not dependencies.settings.speakers:
        raise Problem.of("no_diarizer")
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
