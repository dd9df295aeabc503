"""Speakers of a transcription: rename them, and run diarization again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Header, Path
from voicepipe_wire.web import idempotency

from voicepipe_status.dependencies import AppDependencies, CurrentUser, JobId
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import speakers
from voicepipe_status.schema import Speaker, SpeakerLimits, SpeakerName, Transcription

router = APIRouter(tags=["speakers"])

SpeakerId = Annotated[str, Path(description="Id of the speaker in the transcript", examples=["speaker_1"])]

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
    responses=problem_responses(
        "not_found", "speaker_not_found", "not_ready", "cancelled", "no_speakers", "body_too_large"
    ),
    operation_id="rename_speaker",
)
async def rename_speaker(
    job_id: JobId,
    speaker: SpeakerId,
    body: Annotated[SpeakerName, Body(openapi_examples=_NAMES)],
    user: CurrentUser,
    dependencies: AppDependencies,
) -> Speaker:
    """Rename a speaker of the latest version, in every format. Null removes the name.

    Names belong to one version of the transcript. The next version gets them if it has the same turns.
    """
    return await speakers.rename(dependencies, user.id, job_id, speaker, body.name)


@router.post(
    "/v1/transcriptions/{job_id}/diarization",
    status_code=202,
    responses={
        202: {
            "description": "Accepted: diarization runs again. The words are kept, and the transcript gets a new version"
        },
        **problem_responses(
            "not_found",
            "not_completed",
            "channels_are_speakers",
            "audio_gone",
            "no_diarizer",
            "body_too_large",
            "idempotency_key_invalid",
            "idempotency_in_flight",
            "idempotency_key_reused",
        ),
    },
    operation_id="diarize_again",
)
async def diarize_again(
    job_id: JobId,
    user: CurrentUser,
    dependencies: AppDependencies,
    limits: Annotated[SpeakerLimits | None, Body(openapi_examples=_LIMITS)] = None,
    idempotency_key: Annotated[
        str | None, Header(alias="Idempotency-Key", description="Makes it safe to repeat the request")
    ] = None,
) -> Transcription:
    """Run diarization for a completed transcription, again or for the first time, within these limits."""
    return await speakers.diarize_again(dependencies, user.id, job_id, limits, idempotency.key_of(idempotency_key))
