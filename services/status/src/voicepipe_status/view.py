"""Rows as a client sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from . import eta
from .schema import Links, Notice, StageProgress, Transcription

JsonObject = dict[str, Any]


def transcription(row: Any, public_url: str) -> Transcription:
    stages: list[JsonObject] = row["stages"] or []
    return Transcription(
        id=row["id"],
        name=row["name"],
        state=row["state"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        duration_s=row["duration_s"],
        speech_s=row["speech_s"],
        size_bytes=row["size_bytes"],
        media_type=row["media_type"],
        options=row["options"],
        language=row["language"],
        language_probability=row["language_probability"],
        stages=[StageProgress(**stage) for stage in stages],
        queue_position=row["queue_position"],
        eta_s=_eta_s(row, stages),
        transcript_version=row["transcript_version"],
        warnings=[Notice(**warning) for warning in row["warnings"]],
        error=error_of(row),
        links=links(row["id"], public_url),
    )


def links(job_id: UUID, public_url: str) -> Links:
    """Absolute where the gateway's address is known, else paths."""
    base = f"{public_url.rstrip('/')}/v1/transcriptions/{job_id}"
    return Links(self=base, events=f"{base}/events", transcript=f"{base}/transcript", audio=f"{base}/audio")


def error_of(row: Any) -> Notice | None:
    """Why a job failed."""
    if row["error_code"] is None:
        return None
    return Notice(code=row["error_code"], message=row["error_message"] or "")


def _eta_s(row: Any, stages: list[JsonObject]) -> float | None:
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
    )
