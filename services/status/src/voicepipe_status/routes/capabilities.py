"""The capabilities of this installation."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from voicepipe_wire.jobs.stages import Stage
from voicepipe_wire.messaging.subjects import Priority
from voicepipe_wire.transcript.languages import LANGUAGES
from voicepipe_wire.transcript.option_limits import MAX_KEYTERM_CHARACTERS, MAX_KEYTERMS, MAX_SPEAKERS

from voicepipe_status.dependencies import AppDependencies, CurrentUser
from voicepipe_status.formats.transcript_formats import Format
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.schema import Capabilities, Language, Limits, Model, Speakers

# As in docs/architecture.md; upload rejects others.
TASKS = ("transcribe", "translate")

router = APIRouter(tags=["installation"])


@router.get("/v1/capabilities", responses=problem_responses(), operation_id="get_capabilities")
async def get_capabilities(_: CurrentUser, dependencies: AppDependencies) -> Capabilities:
    """Get models, languages, tasks, formats, limits, availability of diarization, and the number of live workers."""
    models, workers = await dependencies.queries.models_and_workers()
    return Capabilities(
        models=[Model(**model) for model in models],
        languages=[Language(code=code, name=name) for code, name in LANGUAGES.items()],
        tasks=list(TASKS),
        priorities=[Priority.STANDARD, Priority.PREMIUM],
        formats=list(Format),
        limits=Limits(
            max_upload_bytes=dependencies.settings.max_upload_bytes,
            max_keyterms=MAX_KEYTERMS,
            max_keyterm_characters=MAX_KEYTERM_CHARACTERS,
            max_speakers=MAX_SPEAKERS,
            max_event_streams=dependencies.settings.max_event_streams,
        ),
        speakers=_speakers(dependencies.settings.speakers, workers),
        workers=workers,
    )


def _speakers(available: bool, workers: Mapping[str, int]) -> Speakers:
    alive = bool(workers.get(Stage.DIARIZE))
    return Speakers(available=available, state=("ready" if alive else "away") if available else "off")
