"""Turns rows into responses."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from voicepipe_wire.jobs.options import complete

from . import eta
from .pool_states import PoolStates
from .schema import Links, Notice, Transcription

JsonObject = dict[str, Any]

_AS_STORED = tuple(
    Transcription.model_fields.keys() - {"options", "stages", "waiting_for", "waiting_since", "eta_s", "error", "links"}
)


def transcription(row: Any, public_url: str, pools: PoolStates) -> Transcription:
    stages: list[JsonObject] = row["stages"] or []
    waiting = next((stage for stage in stages if stage["waiting_for"]), None)
    return Transcription.model_validate(
        {
            **{name: row[name] for name in _AS_STORED},
            "options": complete(row["options"]),
            "stages": stages,
            "waiting_for": waiting and waiting["waiting_for"],
            "waiting_since": waiting and waiting["waiting_since"],
            "eta_s": _eta_s(row, stages, pools),
            "error": error_of(row),
            "links": links(row["id"], public_url),
        }
    )


def links(job_id: UUID, public_url: str) -> Links:
    """Absolute URLs if `public_url` is set, else paths."""
    base = f"{public_url.rstrip('/')}/v1/transcriptions/{job_id}"
    return Links(self=base, events=f"{base}/events", transcript=f"{base}/transcript", audio=f"{base}/audio")


def error_of(row: Any) -> Notice | None:
    """The error of a failed job."""
    if row["error_code"] is None:
        return None
    return Notice(code=row["error_code"], message=row["error_message"] or "")


def _eta_s(row: Any, stages: list[JsonObject], pools: PoolStates) -> float | None:
    if row["finished_at"] is not None:
        return None
    return eta.eta_s(
        [
            eta.StageProgress(
                stage=stage["stage"],
                state=stage["state"],
                done_s=stage["done_s"],
                total_s=stage["total_s"],
                started_at=stage["started_at"] and datetime.fromisoformat(stage["started_at"]),
            )
            for stage in stages
        ],
        duration_s=row["duration_s"],
        speech_s=row["speech_s"],
        speeds=row["speeds"] or {},
        now=row["now"],
        waits_s=pools.waits_s(row["options"]["model"]["name"]),
    )
