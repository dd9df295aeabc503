"""What this installation can do now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicepipe_wire.jobs.stages import Stage
from voicepipe_wire.messaging.subjects import Priority
from voicepipe_wire.transcript.languages import LANGUAGES
from voicepipe_wire.transcript.option_limits import (
    CHANNELS,
    MAX_KEYTERM_CHARACTERS,
    MAX_KEYTERMS,
    MAX_SPEAKERS,
    MAX_TRACK,
)
from voicepipe_wire.v1.scaling_pb2 import PoolState

from voicepipe_status.dependencies import Dependencies
from voicepipe_status.formats.transcript_formats import Format
from voicepipe_status.pool_states import ready_in_s
from voicepipe_status.schema import Capabilities, Language, Limits, Model, Speakers

# As in docs/architecture.md; upload rejects others.
TASKS = ("transcribe", "translate")


async def capabilities(dependencies: Dependencies) -> Capabilities:
    """Models, tasks, languages, formats, limits, whether speakers are told apart, and the number of live workers."""
    models, workers = await dependencies.queries.models_and_workers()
    pools = dependencies.pools
    return Capabilities(
        models=[_model(model, pools.of(Stage.TRANSCRIBE, model["name"])) for model in models],
        languages=[Language(code=code, name=name) for code, name in LANGUAGES.items()],
        tasks=list(TASKS),
        priorities=[Priority.STANDARD, Priority.PREMIUM],
        channels=list(CHANNELS),
        formats=list(Format),
        limits=Limits(
            max_upload_bytes=dependencies.settings.max_upload_bytes,
            max_keyterms=MAX_KEYTERMS,
            max_keyterm_characters=MAX_KEYTERM_CHARACTERS,
            max_speakers=MAX_SPEAKERS,
            max_event_streams=dependencies.settings.max_event_streams,
            max_track=MAX_TRACK,
        ),
        speakers=_speakers(dependencies.settings.speakers, workers, pools.of(Stage.DIARIZE)),
        workers=workers,
    )


def _model(model: Mapping[str, Any], pool: PoolState | None) -> Model:
    return Model.model_validate({**model, **_availability(model["state"] == "ready", pool)})


def _speakers(available: bool, workers: Mapping[str, int], pool: PoolState | None) -> Speakers:
    if not available:
        return Speakers(available=False, state="off", ready_in_s=None)
    return Speakers.model_validate({"available": True, **_availability(bool(workers.get(Stage.DIARIZE)), pool)})


def _availability(alive: bool, pool: PoolState | None) -> dict[str, Any]:
    """`alive`: a worker was seen lately. That one may have stopped since, because the pool went to sleep."""
    sleeps = pool is not None and pool.ready == 0 and (pool.replicas == 0 or not alive)
    if alive and not sleeps:
        return {"state": "ready", "ready_in_s": 0.0}
    wakes_in_s = ready_in_s(pool) if pool is not None and sleeps else None
    if wakes_in_s is None:
        return {"state": "away", "ready_in_s": None}
    return {"state": "asleep", "ready_in_s": round(wakes_in_s, 1)}
