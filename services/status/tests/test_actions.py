"""Cancel, retry and delete: each is done when the response is sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from voicepipe_status.operations import changes
from voicepipe_wire.jobs import jobs

from .conftest import Client, Pipeline, following, rest

ENDED = datetime(2026, 3, 1, tzinfo=UTC)


async def test_a_job_is_cancelled_by_the_request(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert set((await pipeline.stages(job_id)).values()) == {"cancelled", "skipped"}
    assert await pipeline.queued(job_id) == []
    async with following(alice, job_id) as events:
        assert (await rest(events))[-1].type == "job-cancelled"


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
async def test_an_ended_job_cannot_be_cancelled(alice: Client, pipeline: Pipeline, state: str):
    job_id = await pipeline.job(alice.owner_id, state=state, finished_at=ENDED)
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/cancel")
    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "not_cancellable", state)
    assert await pipeline.changes() == []


async def test_of_a_job_that_ends_meanwhile_the_end_counts(alice: Client, pipeline: Pipeline):
    """A worker has the lock of the job, and ends it before the request gets the lock."""
    job_id = await pipeline.job(alice.owner_id)
    async with pipeline.outbox.transaction() as transaction:
        await jobs.lock(transaction.connection, job_id)
        asked = asyncio.create_task(alice.http.post(f"/v1/transcriptions/{job_id}/cancel"))
        while not await pipeline.pool.fetchval("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0)
        await transaction.connection.execute("UPDATE stages SET state = 'done' WHERE job_id = $1", job_id)
        await transaction.connection.execute(
            "UPDATE jobs SET state = 'completed', finished_at = now() WHERE id = $1", job_id
        )
    answer = await asked
    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "not_cancellable", "completed")


async def test_a_job_that_stays_locked_is_answered_with_503(alice: Client, pipeline: Pipeline, monkeypatch):
    monkeypatch.setattr(changes, "LOCK_TIMEOUT_MS", 100)
    job_id = await pipeline.job(alice.owner_id)
    async with pipeline.outbox.transaction() as transaction:
        await jobs.lock(transaction.connection, job_id)
        answer = await alice.http.post(f"/v1/transcriptions/{job_id}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert (await alice.http.post(f"/v1/transcriptions/{job_id}/cancel")).status_code == 200


@pytest.mark.parametrize("state", ["failed", "cancelled"])
async def test_a_retried_job_is_queued_again(alice: Client, pipeline: Pipeline, state: str):
    job_id = await pipeline.job(alice.owner_id, state=state, finished_at=ENDED, error_code="audio_missing")
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/retry")
    assert (answer.status_code, answer.json()["state"], answer.json()["finished_at"]) == (200, "queued", None)
    assert answer.json()["error"] is None
    assert await pipeline.queued(job_id) == ["prepare", "prepare"]
    again = await alice.http.post(f"/v1/transcriptions/{job_id}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "not_retryable")


@pytest.mark.parametrize("state", ["queued", "transcribing", "completed"])
async def test_a_job_that_did_not_fail_cannot_be_retried(alice: Client, pipeline: Pipeline, state: str):
    job_id = await pipeline.job(alice.owner_id, state=state, finished_at=ENDED if state == "completed" else None)
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/retry")
    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "not_retryable", state)
    assert await pipeline.changes() == []


async def test_a_transcript_with_a_gap_can_be_retried(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id, state="completed", finished_at=ENDED, pcm_key="pcm/of/it")
    await failed_chunk(pipeline, alice.owner_id, job_id)
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/retry")
    assert (answer.status_code, answer.json()["state"]) == (200, "transcribing")
    assert await pipeline.pool.fetchval("SELECT state FROM chunks WHERE job_id = $1", job_id) == "waiting"


async def test_a_running_job_with_a_gap_cannot_be_retried(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id, state="transcribing")
    await failed_chunk(pipeline, alice.owner_id, job_id)
    assert (await alice.http.post(f"/v1/transcriptions/{job_id}/retry")).status_code == 409


async def failed_chunk(pipeline: Pipeline, owner_id: UUID, job_id: UUID) -> None:
    await pipeline.pool.execute(
        "INSERT INTO chunks (job_id, owner_id, chunk_index, state, spans, speech_s, split)"
        " VALUES ($1, $2, 0, 'failed', '[]', 1.0, 0)",
        job_id,
        owner_id,
    )


@pytest.mark.parametrize("state", ["queued", "transcribing", "completed"])
async def test_a_deleted_job_is_gone_with_its_rows(alice: Client, pipeline: Pipeline, state: str):
    job_id = await pipeline.job(alice.owner_id, state=state)
    await failed_chunk(pipeline, alice.owner_id, job_id)
    answer = await alice.http.delete(f"/v1/transcriptions/{job_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("", "/events", "/transcript", "/audio"):
        assert (await alice.get(f"/v1/transcriptions/{job_id}{path}")).status_code == 404
    for table in ("jobs", "stages", "chunks", "recordings", "uploads"):
        assert await pipeline.pool.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - the test's own names
    assert (await alice.http.delete(f"/v1/transcriptions/{job_id}")).status_code == 404


async def test_what_is_stored_elsewhere_is_left_to_the_controller(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    command = await pipeline.pool.fetchrow("SELECT id, stream_seq FROM outbox WHERE job_id = $1", job_id)
    await alice.http.delete(f"/v1/transcriptions/{job_id}")
    left = await pipeline.pool.fetchrow("SELECT * FROM deletions")
    assert (left["job_id"], left["owner_id"]) == (job_id, alice.owner_id)
    audio, pcm = left["prefixes"]
    assert audio == f"audio/{alice.owner_id}/2026-03-01/{job_id}/original"
    assert pcm == f"pcm/{alice.owner_id}/{job_id}"
    assert left["commands"] == {str(command["id"]): command["stream_seq"]}


async def test_who_follows_a_job_learns_that_it_is_deleted(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    async with following(alice, job_id) as events:
        assert (await alice.http.delete(f"/v1/transcriptions/{job_id}")).status_code == 204
        assert (await rest(events))[-1].type == "job-deleted"


async def test_a_job_of_somebody_else_is_not_found_and_not_changed(alice: Client, bob: Client, pipeline: Pipeline):
    job_id = await pipeline.job(bob.owner_id)
    path = f"/v1/transcriptions/{job_id}"
    for method, action in (("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")):
        assert (await alice.http.request(method, path + action)).json()["code"] == "not_found"
    assert await pipeline.changes() == []
