"""Reading one transcription, pages and batches."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from voicepipe_status import queries
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.stages import Stage
from voicepipe_wire.storage import database

from .conftest import OPTIONS, Client, Pipeline, Service


async def test_a_new_transcription_is_queued_and_has_links(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    answer = await alice.get(f"/v1/transcriptions/{job_id}")
    assert answer.status_code == 200
    document = answer.json()
    assert document["id"] == str(job_id)
    assert document["state"] == "queued"
    assert document["name"] == "meeting.wav"
    assert document["options"] == OPTIONS | {"channels": "mix", "track": None}
    assert [stage["stage"] for stage in document["stages"]] == ["prepare", "transcribe", "diarize", "assemble"]
    assert [stage["state"] for stage in document["stages"]] == ["queued", "waiting", "skipped", "waiting"]
    assert document["queue_position"] == 0
    assert document["eta_s"] is None
    assert document["error"] is None
    assert document["transcript_version"] is None
    assert document["links"]["events"] == f"/v1/transcriptions/{job_id}/events"
    assert datetime.fromisoformat(document["created_at"]).tzinfo is not None


async def test_links_are_absolute_with_a_public_url(start):
    async with start(public_url="https://voicepipe.example.org/") as service:
        user = await service.user()
        job_id = await service.pipeline.job(user.owner_id)
        document = (await user.get(f"/v1/transcriptions/{job_id}")).json()
        assert document["links"]["self"] == f"https://voicepipe.example.org/v1/transcriptions/{job_id}"
        await user.http.aclose()


async def test_the_queue_position_counts_the_same_stage_and_priority(alice: Client, bob: Client, pipeline: Pipeline):
    for _ in range(3):
        await pipeline.job(bob.owner_id)
    await pipeline.job(bob.owner_id, priority="premium")
    standard = await pipeline.job(alice.owner_id)
    premium = await pipeline.job(alice.owner_id, priority="premium")
    running = await pipeline.job(alice.owner_id)
    await pipeline.stage(running, "prepare", state="running")
    positions = {item["id"]: item["queue_position"] for item in (await alice.get("/v1/transcriptions")).json()["items"]}
    assert positions == {str(standard): 3, str(premium): 1, str(running): None}


async def test_a_long_queue_is_counted_up_to_its_limit_only(alice: Client, pipeline: Pipeline):
    await pipeline.pool.execute(
        """
        WITH recording AS (
            INSERT INTO recordings (id, owner_id, name, media_type, size_bytes, sha256, object_key)
            SELECT gen_random_uuid(), $1, 'a.wav', 'audio/wav', 1, sha256(''), 'audio/' || n FROM generate_series(1, 1100) n RETURNING id
        ), job AS (
            INSERT INTO jobs (id, owner_id, recording_id, state, priority, options, options_sha256)
            SELECT gen_random_uuid(), $1, id, 'queued', 'standard', '{}', '' FROM recording RETURNING id
        )
        INSERT INTO stages (job_id, owner_id, stage, state, priority, queued_at)
        SELECT id, $1, 'prepare', 'queued', 'standard', now() FROM job
        """,
        alice.owner_id,
    )
    standard = await pipeline.job(alice.owner_id)
    premium = await pipeline.job(alice.owner_id, priority="premium")
    plan = await pipeline.pool.fetch(f"EXPLAIN (ANALYZE, FORMAT TEXT) {queries._ONE}", alice.owner_id, standard)
    assert max(int(rows) for line in plan for rows in re.findall(r"actual .*rows=(\d+)", line[0])) <= 1000
    found = {
        item["id"]: item["queue_position"] for item in (await alice.get("/v1/transcriptions?limit=2")).json()["items"]
    }
    assert found == {str(standard): 1000, str(premium): 0}


async def test_progress_writes_no_entry_into_an_index(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    async with pipeline.outbox.transaction() as transaction:
        for table in ("jobs", "stages"):
            before = await updates(transaction.connection, table)
            job = await jobs.lock(transaction.connection, job_id)
            await jobs.set_progress(transaction, job, Stage.PREPARE, 1.0, 60.0)
            after = await updates(transaction.connection, table)
            assert [one - other for one, other in zip(after, before, strict=True)] == [1, 1], table


async def updates(connection: database.Connection, table: str) -> list[int]:
    """How many rows of a table this session has updated, and how many of them without touching an index."""
    query = "SELECT pg_stat_get_xact_tuples_{}($1::text::regclass)"
    return [await connection.fetchval(query.format(kind), table) for kind in ("updated", "hot_updated")]


async def test_the_eta_uses_the_speed_of_finished_jobs(alice: Client, pipeline: Pipeline):
    now = datetime.now(UTC)
    done = await pipeline.job(alice.owner_id, state="completed", duration_s=100.0, speech_s=80.0, finished_at=now)
    for stage, seconds, total_s in (("prepare", 2, 100.0), ("transcribe", 8, 80.0), ("assemble", 1, 0.0)):
        await pipeline.stage(
            done, stage, state="done", total_s=total_s, started_at=now - timedelta(seconds=seconds), finished_at=now
        )
    job_id = await pipeline.job(alice.owner_id, duration_s=200.0, speech_s=160.0)
    await pipeline.stage(job_id, "prepare", state="done")
    await pipeline.stage(job_id, "transcribe", state="running", total_s=160.0, done_s=10.0, started_at=now)
    document = (await alice.get(f"/v1/transcriptions/{job_id}")).json()
    assert document["eta_s"] == pytest.approx(150 / 10 + 200 / 100, abs=0.1)


async def test_a_failed_transcription_has_its_error(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(
        alice.owner_id,
        state="failed",
        error_code="no_audio",
        error_message="There is no audio.",
        finished_at=datetime.now(UTC),
    )
    document = (await alice.get(f"/v1/transcriptions/{job_id}")).json()
    assert document["error"] == {"code": "no_audio", "message": "There is no audio."}


async def test_pages_show_every_transcription_once_while_new_ones_arrive(alice: Client, pipeline: Pipeline):
    jobs = [await pipeline.job(alice.owner_id) for _ in range(7)]
    # Several with the same time: the id breaks the tie.
    await pipeline.pool.execute("UPDATE jobs SET created_at = now() WHERE id = ANY($1)", jobs[:4])
    listed: list[str] = []
    path = "/v1/transcriptions?limit=2"
    while path:
        page = (await alice.get(path)).json()
        listed += [item["id"] for item in page["items"]]
        path = f"/v1/transcriptions?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        await pipeline.job(alice.owner_id)
        if len(listed) == 4:
            await pipeline.pool.execute("DELETE FROM jobs WHERE id = $1", UUID(listed[3]))
    assert sorted(listed) == sorted(map(str, jobs))


async def test_an_exactly_full_last_page_has_no_cursor(alice: Client, pipeline: Pipeline):
    for _ in range(2):
        await pipeline.job(alice.owner_id)
    assert (await alice.get("/v1/transcriptions?limit=2")).json()["next_cursor"] is None


async def test_a_page_is_filtered_by_state_time_and_name(alice: Client, pipeline: Pipeline):
    old = await pipeline.job(alice.owner_id, state="completed", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    failed = await pipeline.job(alice.owner_id, state="failed", name="50%_Talk.MP3")
    queued = await pipeline.job(alice.owner_id)

    async def ids_of(query: str) -> list[str]:
        answer = await alice.get(f"/v1/transcriptions?{query}")
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert await ids_of("state=completed&state=failed") == [str(failed), str(old)]
    assert await ids_of("created_after=2026-01-01T00:00:00Z") == [str(queued), str(failed)]
    assert await ids_of("created_before=2026-01-01T00:00:01Z") == [str(old)]
    assert await ids_of("name=%25_talk") == [str(failed)]
    assert await ids_of("name=_eeting") == []


async def test_a_batch_has_the_existing_transcriptions_in_the_requested_order(
    alice: Client, bob: Client, pipeline: Pipeline
):
    first, second = await pipeline.job(alice.owner_id), await pipeline.job(alice.owner_id)
    other = await pipeline.job(bob.owner_id)
    ids = f"{second},{other},{uuid4()},nonsense,{first},{second}"
    page = (await alice.get(f"/v1/transcriptions?ids={ids}")).json()
    assert [item["id"] for item in page["items"]] == [str(second), str(first)]
    assert page["next_cursor"] is None
    too_many = await alice.get("/v1/transcriptions", params={"ids": ",".join(str(uuid4()) for _ in range(101))})
    assert (too_many.status_code, too_many.json()["code"]) == (422, "invalid_request")


async def test_a_forged_cursor_is_an_error_or_harmless(alice: Client, bob: Client, pipeline: Pipeline):
    await pipeline.job(bob.owner_id)
    for cursor in ("nonsense", "AAAA", "x" * 32, "é" * 8, "_" * 32, "f" * 4000):
        answer = await alice.get("/v1/transcriptions", params={"cursor": cursor})
        if answer.status_code == 200:
            assert answer.json()["items"] == []
        else:
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_an_invalid_query_parameter_is_named_in_the_error(alice: Client):
    for query in (
        "state=nonsense",
        "limit=0",
        "limit=101",
        "name=%00",
        "created_after=yesterday",
        "created_after=2026-01-01T00:00:00",
    ):
        answer = await alice.get(f"/v1/transcriptions?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert query.partition("=")[0] in answer.json()["detail"]


ROUTES = [
    ("GET", ""),
    ("GET", "/events"),
    ("GET", "/transcript"),
    ("GET", "/audio"),
    ("HEAD", "/audio"),
    ("POST", "/cancel"),
    ("POST", "/retry"),
    ("DELETE", ""),
]


async def test_transcriptions_of_other_owners_are_not_found(alice: Client, bob: Client, pipeline: Pipeline):
    theirs = await pipeline.job(alice.owner_id)
    for method, path in ROUTES:
        answers = [
            await bob.http.request(method, f"/v1/transcriptions/{job_id}{path}")
            for job_id in (theirs, uuid4(), "nonsense")
        ]
        assert {answer.status_code for answer in answers} == {404}, path
        if method != "HEAD":
            assert {answer.json()["code"] for answer in answers} == {"not_found"}
            assert len({answer.text for answer in answers}) == 1
    assert await pipeline.changes() == []


async def test_every_route_requires_a_key(service: Service, alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    async with httpx.AsyncClient(base_url=service.url) as stranger:
        for method, path in ROUTES:
            for headers in ({}, {"Authorization": "Bearer vp_nonsense"}, {"X-API-Key": "vp_nonsense"}):
                answer = await stranger.request(method, f"/v1/transcriptions/{job_id}{path}", headers=headers)
                assert answer.status_code == 401, path
                assert answer.headers["www-authenticate"] == "Bearer"
    assert await pipeline.changes() == []


async def test_the_list_has_only_the_transcriptions_of_the_owner(alice: Client, bob: Client, pipeline: Pipeline):
    await pipeline.job(alice.owner_id)
    assert (await bob.get("/v1/transcriptions")).json() == {"items": [], "next_cursor": None}
