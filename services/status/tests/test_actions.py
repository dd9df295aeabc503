"""Cancel, retry and delete: the commands that are written, and the responses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from control_commands import carried_out, written
from voicepipe_wire.messaging.subjects import WORK
from voicepipe_wire.v1.commands_pb2 import CancelJob, DeleteJob, RetryJob

from .conftest import Client, Pipeline

ENDED = datetime(2026, 3, 1, tzinfo=UTC)


async def test_cancel_writes_the_command_and_waits_for_its_effect(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)

    async def cancelled() -> None:
        await pipeline.pool.execute(
            "UPDATE jobs SET state = 'cancelled', finished_at = now(), changed_at = now() WHERE id = $1", job_id
        )

    controller = asyncio.create_task(carried_out(pipeline, cancelled))
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/cancel")
    await controller
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert await written(pipeline) == [CancelJob(job_id=str(job_id), owner_id=str(alice.owner_id))]
    (row,) = await pipeline.commands()
    assert (row["subject"], row["job_id"], row["owner_id"]) == ("work.control.premium", job_id, alice.owner_id)
    stored = await pipeline.jetstream.context.get_msg(WORK, row["stream_seq"])
    assert stored.subject == "work.control.premium"


@pytest.mark.parametrize(("action", "state"), [("cancel", "queued"), ("retry", "failed")])
async def test_a_slow_command_is_answered_with_202_and_the_current_state(
    alice: Client, pipeline: Pipeline, action: str, state: str
):
    job_id = await pipeline.job(alice.owner_id, state=state, finished_at=ENDED if state == "failed" else None)
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/{action}")
    assert (answer.status_code, answer.json()["state"], answer.json()["id"]) == (202, state, str(job_id))
    assert len(await pipeline.commands()) == 1


async def test_an_ended_job_cannot_be_cancelled(alice: Client, pipeline: Pipeline):
    for state in ("completed", "failed", "cancelled"):
        job_id = await pipeline.job(alice.owner_id, state=state, finished_at=ENDED)
        answer = await alice.http.post(f"/v1/transcriptions/{job_id}/cancel")
        assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "not_cancellable", state)
    assert await pipeline.commands() == []


async def test_a_job_that_completes_before_it_is_cancelled_is_not_cancellable(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    controller = asyncio.create_task(carried_out(pipeline, lambda: pipeline.end(alice.owner_id, job_id)))
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/cancel")
    await controller
    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "not_cancellable", "completed")


@pytest.mark.parametrize("state", ["failed", "cancelled"])
async def test_a_retry_is_noticed_even_if_the_job_fails_again_at_once(alice: Client, pipeline: Pipeline, state: str):
    job_id = await pipeline.job(alice.owner_id, state=state, finished_at=ENDED)

    async def failed_again() -> None:
        await pipeline.pool.execute(
            "UPDATE jobs SET state = 'failed', changed_at = clock_timestamp() WHERE id = $1", job_id
        )

    controller = asyncio.create_task(carried_out(pipeline, failed_again))
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/retry")
    await controller
    assert (answer.status_code, answer.json()["state"]) == (200, "failed")
    assert await written(pipeline) == [RetryJob(job_id=str(job_id), owner_id=str(alice.owner_id))]


async def test_a_job_that_did_not_fail_cannot_be_retried(alice: Client, pipeline: Pipeline):
    for state in ("queued", "transcribing", "completed"):
        job_id = await pipeline.job(alice.owner_id, state=state, finished_at=ENDED if state == "completed" else None)
        answer = await alice.http.post(f"/v1/transcriptions/{job_id}/retry")
        assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "not_retryable", state)
    assert await pipeline.commands() == []


async def test_a_transcript_with_a_gap_can_be_retried(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id, state="completed", finished_at=ENDED)
    await failed_chunk(pipeline, alice.owner_id, job_id)
    assert (await alice.http.post(f"/v1/transcriptions/{job_id}/retry")).status_code == 202
    assert len(await pipeline.commands()) == 1


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


async def test_delete_waits_until_the_job_is_gone(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    slow = await alice.http.delete(f"/v1/transcriptions/{job_id}")
    assert slow.status_code == 202
    deleted = asyncio.create_task(
        carried_out(pipeline, lambda: pipeline.pool.execute("DELETE FROM jobs WHERE id = $1", job_id))
    )
    done = await alice.http.delete(f"/v1/transcriptions/{job_id}")
    await deleted
    # The row may be gone before the second request reads it.
    assert done.status_code in {204, 404}
    assert DeleteJob(job_id=str(job_id), owner_id=str(alice.owner_id)) in await written(pipeline)
    assert (await alice.http.delete(f"/v1/transcriptions/{job_id}")).status_code == 404


async def test_an_ended_job_can_be_deleted(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id, state="completed", finished_at=ENDED)
    deleted = asyncio.create_task(
        carried_out(pipeline, lambda: pipeline.pool.execute("DELETE FROM jobs WHERE id = $1", job_id))
    )
    answer = await alice.http.delete(f"/v1/transcriptions/{job_id}")
    await deleted
    assert (answer.status_code, answer.content) == (204, b"")
