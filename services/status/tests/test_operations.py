"""What an operator looks at: the audit of dead letters, the queues, and jobs that are stuck."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from voicepipe_wire.messaging.subjects import BACKLOG, DLQ

from .conftest import Client, Pipeline, Service
from .stored_backlog import publish
from .stored_dead_letters import PATH, dead_letter

AUDIT, QUEUES, STUCK = "/v1/admin/audit", "/v1/admin/queues", "/v1/admin/stuck-jobs"


@pytest.fixture
async def operator(service: Service) -> Client:
    for stream in (DLQ, BACKLOG):
        await service.pipeline.jetstream.context.purge_stream(stream)
    return await service.user("grace", operator=True)


async def items(client: Client, path: str, **query: object) -> list[dict[str, Any]]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_these_pages_are_for_operators_only(alice: Client):
    for path in (AUDIT, QUEUES, STUCK):
        answer = await alice.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "operators_only")


async def test_every_redrive_and_discard_is_audited_newest_first(operator: Client, service: Service):
    pipeline, other = service.pipeline, await service.user("ada", operator=True)
    job_id = await pipeline.job(operator.owner_id)
    first, second = (
        await dead_letter(pipeline, job_id=job_id),
        await dead_letter(pipeline, "prepare", code="bad_message"),
    )
    await operator.http.post(f"{PATH}/redrive?stage=transcribe")
    await other.http.delete(f"{PATH}/{second}")
    newest, oldest = await items(operator, AUDIT)
    assert (newest["user_name"], newest["user_id"]) == ("ada", str(other.owner_id))
    assert (newest["action"], newest["sequence"], newest["stage"], newest["code"]) == (
        "discard", second, "prepare", "bad_message",
    )  # fmt: skip
    assert (oldest["user_name"], oldest["action"], oldest["sequence"]) == ("grace", "redrive", first)
    assert oldest["job_id"] == str(job_id)
    assert oldest["created_at"] < newest["created_at"]


async def test_the_audit_is_read_page_by_page(operator: Client, pipeline: Pipeline):
    sequences = [await dead_letter(pipeline) for _ in range(3)]
    await operator.http.post(f"{PATH}/redrive")
    seen: list[int] = []
    path = f"{AUDIT}?limit=2"
    while path:
        page = (await operator.get(path)).json()
        seen += [item["sequence"] for item in page["items"]]
        path = f"{AUDIT}?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert sorted(seen) == sequences
    assert (await operator.get(f"{AUDIT}?cursor=x")).json()["code"] == "bad_cursor"
    assert (await operator.get(f"{AUDIT}?limit=101")).status_code == 422


async def test_a_redrive_that_cannot_be_committed_is_not_audited(operator: Client, pipeline: Pipeline):
    job_id = await pipeline.job(operator.owner_id, state="failed")
    sequence = await dead_letter(pipeline, job_id=job_id)
    await pipeline.pool.execute("ALTER TABLE outbox ADD CONSTRAINT full_disk CHECK (work <> 'prepare') NOT VALID")
    assert (await operator.http.post(f"{PATH}/{sequence}/redrive")).status_code == 500
    assert await items(operator, AUDIT) == []


async def test_queues_show_audio_commands_and_jobs(operator: Client, pipeline: Pipeline):
    await publish(pipeline, age_s=1)
    answer = (await operator.get(QUEUES)).json()
    assert answer["state"] == "current"
    assert 0 <= answer["age_s"] < 20
    prepare, transcribe = answer["queues"]
    assert (prepare["stage"], prepare["pool"], prepare["jobs"]) == ("prepare", None, 0)
    assert transcribe == {
        "stage": "transcribe", "pool": "accurate", "priority": "premium", "queued_s": 120.0, "in_flight_s": 28.0,
        "arriving_s": 60.0, "waiting_commands": 16, "in_flight_commands": 4, "jobs": 2, "arriving_jobs": 1,
        "oldest_s": 33.3, "replicas": None, "ready_replicas": None, "ready_in_s": None,
    }  # fmt: skip


async def test_an_old_backlog_says_that_it_is_old(operator: Client, pipeline: Pipeline):
    await publish(pipeline, age_s=45)
    answer = (await operator.get(QUEUES)).json()
    assert answer["state"] == "old"
    assert answer["age_s"] >= 44
    assert len(answer["queues"]) == 2


async def test_a_backlog_that_was_never_published_is_missing_not_empty(operator: Client, pipeline: Pipeline):
    missing = {"state": "missing", "published_at": None, "age_s": None, "queues": []}
    assert (await operator.get(QUEUES)).json() == missing
    await pipeline.jetstream.context.delete_stream(BACKLOG)
    assert (await operator.get(QUEUES)).json() == missing
    await pipeline.jetstream.ensure_streams()


async def test_without_a_broker_the_queues_are_unavailable(start):
    async with start() as service:
        operator = await service.user("grace", operator=True)
        await service.dependencies.hub._jetstream.client.close()
        answer = await operator.get(QUEUES)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def unchanged_for(pipeline: Pipeline, job_id: object, seconds: float) -> None:
    await pipeline.pool.execute(
        "UPDATE jobs SET changed_at = now() - $2::interval WHERE id = $1", job_id, timedelta(seconds=seconds)
    )


async def test_stuck_jobs_are_the_unfinished_ones_that_have_not_changed_oldest_first(
    operator: Client, alice: Client, pipeline: Pipeline
):
    fresh, old, older, ended = [await pipeline.job(alice.owner_id) for _ in range(4)]
    for job_id, seconds in ((fresh, 590), (old, 700), (older, 900), (ended, 5000)):
        await unchanged_for(pipeline, job_id, seconds)
    await pipeline.pool.execute("UPDATE jobs SET state = 'completed', finished_at = now() WHERE id = $1", ended)
    await pipeline.stage(older, "prepare", state="done")
    for stage in ("transcribe", "diarize"):
        await pipeline.stage(older, stage, state="queued", attempts=2)
    await pipeline.pool.execute(
        "UPDATE stages SET state = 'running', started_at = now() - interval '15 minutes' WHERE job_id = $1"
        " AND stage = 'transcribe'",
        older,
    )
    first, second = await items(operator, STUCK)
    assert [first["id"], second["id"]] == [str(older), str(old)]
    assert (first["owner"], first["owner_id"]) == ("alice", str(alice.owner_id))
    assert first["unchanged_s"] >= 900
    assert [(each["stage"], each["state"], each["attempt"]) for each in first["stages"]] == [
        ("transcribe", "running", 2), ("diarize", "queued", 2),
    ]  # fmt: skip
    assert first["stages"][0]["since"] is not None
    assert [(each["stage"], each["state"]) for each in second["stages"]] == [("prepare", "queued")]
    assert "meeting.wav" not in str(first)
    assert len(await items(operator, STUCK, older_than_s=500)) == 3
    assert await items(operator, STUCK, older_than_s=1000) == []


async def test_stuck_jobs_are_read_page_by_page(operator: Client, alice: Client, pipeline: Pipeline):
    expected = []
    for seconds in (900, 800, 700):
        expected.append(str(await pipeline.job(alice.owner_id)))
        await unchanged_for(pipeline, pipeline.made[-1], seconds)
    page = (await operator.get(f"{STUCK}?limit=2")).json()
    rest = (await operator.get(STUCK, params={"cursor": page["next_cursor"]})).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == expected
    assert rest["next_cursor"] is None
    for query in ("older_than_s=0", "older_than_s=99999999999", "older_than_s=x", "limit=0"):
        assert (await operator.get(f"{STUCK}?{query}")).json()["code"] == "invalid_request", query
    assert (await operator.get(f"{STUCK}?cursor=x")).json()["code"] == "bad_cursor"
