"""The warnings of a job: it completes all the same, and its owner learns what may be missing or was chosen.

A warning may say where in the recording it applies (`start_s`) and to how much of it (`duration_s`).
"""

from __future__ import annotations

from typing import Any

from voicepipe_wire.error_catalogue import WARNINGS
from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.storage.database import affected
from voicepipe_wire.v1.events_pb2 import JobWarned

from . import jobs
from .jobs import StoredJob
from .stages import Event, Stage, advance


async def warn(
    transaction: Transaction,
    job: StoredJob,
    code: str,
    *,
    start_s: float | None = None,
    duration_s: float | None = None,
    **values: Any,
) -> None:
    """Add a warning to a locked job, once per code. `values` fill the fields of its sentence."""
    warning: dict[str, Any] = {"code": code, "message": WARNINGS[code].detail(**values)}
    if start_s is not None:
        warning["start_s"] = round(start_s, 3)
    if duration_s is not None:
        warning["duration_s"] = round(duration_s, 3)
    added = await transaction.connection.execute(
        """
        UPDATE jobs SET warnings = warnings || jsonb_build_array($3::jsonb)
        WHERE id = $1 AND NOT warnings @> jsonb_build_array(jsonb_build_object('code', $2::text))
        """,
        job.id,
        code,
        warning,
    )
    if affected(added):
        transaction.event(job, JobWarned(job_id=str(job.id), **warning))


async def clear(transaction: Transaction, job: StoredJob, codes: str) -> None:
    """Remove the warnings of a locked job whose code is LIKE `codes`. Those that still hold are added again later."""
    await transaction.connection.execute(
        """
        UPDATE jobs SET warnings = coalesce(
            (SELECT jsonb_agg(each) FROM jsonb_array_elements(warnings) each WHERE each ->> 'code' NOT LIKE $2), '[]')
        WHERE id = $1
        """,
        job.id,
        codes,
    )


async def skip_diarization(transaction: Transaction, job: StoredJob, code: str, **values: Any) -> None:
    """Skip `diarize` of a locked job, with a warning that gives the reason."""
    await warn(transaction, job, code, **values)
    await jobs.save(transaction, job, advance(job.stages, Stage.DIARIZE, Event.SKIP))
