"""Speakers of a transcription: rename them, and run diarization again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Response
from fastapi.responses import JSONResponse

from voicepipe_status.dependencies import AppDependencies, CurrentUser, JobId
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import speakers
from voicepipe_status.schema import Speaker, SpeakerLimits, SpeakerName, Transcription

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
    renamed, took_effect = await speakers.rename(dependencies, user.id, job_id, speaker, body.name)
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
    changed = await speakers.diarize_again(dependencies, user.id, job_id, limits)
    return JSONResponse(changed.transcription.model_dump(mode="json"), 202)
