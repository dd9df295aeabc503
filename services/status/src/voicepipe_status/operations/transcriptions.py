"""Read transcriptions: one, a page, or a batch."""

from __future__ import annotations

from uuid import UUID

from voicepipe_wire.errors import Problem

from voicepipe_status.dependencies import Dependencies
from voicepipe_status.http import cursors
from voicepipe_status.queries import Filter, JobSnapshot
from voicepipe_status.schema import Transcription, TranscriptionPage
from voicepipe_status.serializers import transcription

from .requests import MAX_IDS, TranscriptionsRequest


def job_id_of(text: str) -> UUID:
    """The id of a job.

    Raises:
        Problem: 404 `not_found`: text that is not an id is an unknown id.
    """
    try:
        return UUID(text)
    except ValueError:
        raise Problem.of("not_found", what="transcription") from None


async def get(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> Transcription:
    """One transcription.

    Raises:
        Problem: 404 `not_found`.
    """
    row = await dependencies.queries.one(owner_id, job_id)
    if row is None:
        raise Problem.of("not_found", what="transcription")
    return transcription(row, dependencies.settings.public_url, dependencies.pools)


async def snapshot(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> JobSnapshot:
    """The state of a job, and what became of its channels.

    Raises:
        Problem: 404 `not_found`.
    """
    job = await dependencies.queries.snapshot(owner_id, job_id)
    if job is None:
        raise Problem.of("not_found", what="transcription")
    return job


async def page(dependencies: Dependencies, owner_id: UUID, request: TranscriptionsRequest) -> TranscriptionPage:
    """A page, newest first. With `ids` the existing ones, in that order.

    Raises:
        Problem: 400 `bad_cursor`, 422 `invalid_request`.
    """
    if request.ids is not None:
        return await _batch(dependencies, owner_id, request.ids)
    criteria = Filter(request.state, request.created_after, request.created_before, request.name)
    after = cursors.decode(request.cursor) if request.cursor else None
    rows = await dependencies.queries.page(owner_id, criteria, after, request.limit + 1)
    shown = rows[: request.limit]
    more = len(rows) > request.limit
    return TranscriptionPage(
        items=[transcription(row, dependencies.settings.public_url, dependencies.pools) for row in shown],
        next_cursor=cursors.encode(cursors.Position(shown[-1]["created_at"], shown[-1]["id"])) if more else None,
    )


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
