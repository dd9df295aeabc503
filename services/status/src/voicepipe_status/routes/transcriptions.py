"""Read transcriptions: one, a page, or a batch."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from voicepipe_wire.errors import Problem
from voicepipe_wire.jobs.stages import JobState

from voicepipe_status.dependencies import AppDependencies, CurrentUser, Dependencies, JobId
from voicepipe_status.http import cursors
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.queries import Filter
from voicepipe_status.schema import Transcription, TranscriptionPage
from voicepipe_status.serializers import transcription

MAX_IDS = 100

router = APIRouter(tags=["transcriptions"])


@router.get("/v1/transcriptions", responses=problem_responses("bad_cursor"), operation_id="list_transcriptions")
async def list_transcriptions(
    user: CurrentUser,
    dependencies: AppDependencies,
    state: Annotated[
        list[JobState] | None, Query(description="Only transcriptions in these states; may be repeated")
    ] = None,
    created_after: AwareDatetime | None = None,
    created_before: AwareDatetime | None = None,
    name: Annotated[
        str | None,
        Query(max_length=200, pattern=r"^[^\x00]*$", description="Only transcriptions whose name contains this text"),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the previous page")] = None,
    ids: Annotated[str | None, Query(description=f"Only these ids, comma-separated, {MAX_IDS} at most")] = None,
) -> TranscriptionPage:
    """List transcriptions, newest first. With `ids`, return the existing ones in that order; other filters are ignored."""
    if ids is not None:
        return await _batch(dependencies, user.id, ids)
    criteria = Filter(state, created_after, created_before, name)
    after = cursors.decode(cursor) if cursor else None
    rows = await dependencies.queries.page(user.id, criteria, after, limit + 1)
    page = rows[:limit]
    more = len(rows) > limit
    return TranscriptionPage(
        items=[transcription(row, dependencies.settings.public_url, dependencies.pools) for row in page],
        next_cursor=cursors.encode(cursors.Position(page[-1]["created_at"], page[-1]["id"])) if more else None,
    )


@router.get("/v1/transcriptions/{job_id}", responses=problem_responses("not_found"), operation_id="get_transcription")
async def get_transcription(job_id: JobId, user: CurrentUser, dependencies: AppDependencies) -> Transcription:
    """Get a transcription: state, progress in seconds of audio, queue position, time left, warnings, error."""
    return await read_transcription(dependencies, user.id, job_id)


async def read_transcription(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> Transcription:
    """One transcription.

    Raises:
        Problem: 404 `not_found`.
    """
    row = await dependencies.queries.one(owner_id, job_id)
    if row is None:
        raise Problem.of("not_found", what="transcription")
    return transcription(row, dependencies.settings.public_url, dependencies.pools)


async def _batch(dependencies: Dependencies, owner_id: UUID, ids: str) -> TranscriptionPage:
    requested = [each.strip() for each in ids.split(",") if each.strip()]
    if len(requested) > MAX_IDS:
        raise Problem.of(
            "invalid_request", reason=f"ids: {len(requested)} were given, but at most {MAX_IDS} are allowed"
        )
    valid_ids = [each for each in map(_uuid, requested) if each is not None]
    rows = {row["id"]: row for row in await dependencies.queries.batch(owner_id, valid_ids)}
    items = [
        transcription(rows[each], dependencies.settings.public_url, dependencies.pools)
        for each in dict.fromkeys(valid_ids)
        if each in rows
    ]
    return TranscriptionPage(items=items, next_cursor=None)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
