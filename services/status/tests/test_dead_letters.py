"""Dead letters, for operators."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_status import entry_scan
from voicepipe_status.entries import Entry, EntryFilter
from voicepipe_status.operations import dead_letters as operations
from voicepipe_wire.messaging.dead_letters import DeadLetter
from voicepipe_wire.messaging.subjects import DLQ
from voicepipe_wire.v1.commands_pb2 import PrepareRecording

from .conftest import Client, Pipeline, Service
from .stored_dead_letters import PATH, dead_letter


@pytest.fixture
async def operator(service: Service) -> Client:
    await service.pipeline.jetstream.context.purge_stream(DLQ)
    return await service.user("operator", operator=True)


async def listed(operator: Client, **query: object) -> list[int]:
    answer = await operator.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return [entry["sequence"] for entry in answer.json()["items"]]


async def test_a_dead_letter_shows_its_command_stage_and_error(operator: Client, pipeline: Pipeline):
    job_id = uuid4()
    sequence = await dead_letter(pipeline, job_id=job_id)
    answer = await operator.get(f"{PATH}/{sequence}")
    assert answer.status_code == 200
    entry = answer.json()
    assert entry["sequence"] == sequence
    assert entry["stage"] == "transcribe"
    assert entry["subject"] == "work.transcribe.standard"
    assert entry["code"] == "internal_error"
    assert entry["error"] == "ValueError: no such thing"
    assert entry["attempts"] == 5
    assert entry["command"] == "TranscribeChunk"
    assert entry["job_id"] == str(job_id)
    assert entry["payload"]["chunk_index"] == 7
    assert entry["headers"]["ce-type"] == "voicepipe.v1.TranscribeChunk"


async def test_pages_of_dead_letters_are_counted_and_filtered(operator: Client, pipeline: Pipeline):
    sequences = [await dead_letter(pipeline, stage) for stage in ("transcribe", "prepare", "transcribe", "transcribe")]
    seen: list[int] = []
    path = f"{PATH}?limit=2&stage=transcribe"
    while path:
        page = (await operator.get(path)).json()
        assert page["total"] == 3
        seen += [entry["sequence"] for entry in page["items"]]
        path = f"{PATH}?limit=2&stage=transcribe&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == [sequences[0], *sequences[2:]]
    assert (await operator.get(PATH)).json()["total"] == 4
    assert (await operator.get(f"{PATH}?stage=assemble")).json() == {"items": [], "next_cursor": None, "total": 0}
    assert (await operator.get(f"{PATH}?cursor=x")).json()["code"] == "bad_cursor"


async def test_a_dead_letter_of_an_unknown_type_is_shown_without_its_command(operator: Client, pipeline: Pipeline):
    entry = DeadLetter(
        "work.prepare.standard", {"Nats-Msg-Id": "x" + uuid4().hex}, b"\xff\xfe", "bad_message", "No.", 1
    )
    sequence = await entry.publish(pipeline.jetstream)
    answer = (await operator.get(f"{PATH}/{sequence}")).json()
    assert (answer["command"], answer["payload"], answer["job_id"]) == (None, None, None)


async def failed_job(pipeline: Pipeline, user: Client) -> tuple[UUID, int]:
    """A job that failed in its first stage, and the sequence of its dead letter."""
    job_id = await pipeline.job(user.owner_id, state="failed", finished_at=datetime.now(UTC))
    return job_id, await dead_letter(pipeline, "prepare", job_id=job_id, command=PrepareRecording)


async def test_a_redriven_job_runs_again_and_its_entry_is_gone(operator: Client, pipeline: Pipeline):
    job_id, sequence = await failed_job(pipeline, operator)
    await pipeline.stage(job_id, "prepare", attempts=8)
    answer = await operator.http.post(f"{PATH}/{sequence}/redrive")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await operator.get(f"/v1/transcriptions/{job_id}")).json()["state"] == "queued"
    assert await pipeline.queued(job_id) == ["prepare", "prepare"]
    assert await pipeline.pool.fetchval("SELECT max(attempts) FROM stages") == 0
    assert await listed(operator) == []
    assert (await operator.http.post(f"{PATH}/{sequence}/redrive")).status_code == 404


async def test_a_discarded_entry_is_gone_and_its_job_is_not_changed(operator: Client, pipeline: Pipeline):
    job_id, sequence = await failed_job(pipeline, operator)
    assert (await operator.http.delete(f"{PATH}/{sequence}")).status_code == 204
    assert (await operator.get(f"/v1/transcriptions/{job_id}")).json()["state"] == "failed"
    assert await listed(operator) == []
    assert (await operator.http.delete(f"{PATH}/{sequence}")).status_code == 404


async def test_an_entry_whose_job_is_gone_can_be_redriven(operator: Client, pipeline: Pipeline):
    sequence = await dead_letter(pipeline)
    assert (await operator.http.post(f"{PATH}/{sequence}/redrive")).status_code == 204
    assert await listed(operator) == []


async def chunk_of(pipeline: Pipeline, user: Client, state: str) -> tuple[UUID, int]:
    """A job of a state with a failed chunk, and the sequence of its dead letter."""
    job_id = await pipeline.job(user.owner_id, state=state)
    await pipeline.pool.execute(
        "INSERT INTO chunks (job_id, owner_id, chunk_index, state, spans, speech_s, split, error_code)"
        " SELECT id, owner_id, 7, 'failed', '[]', 1.0, 0, 'internal_error' FROM jobs WHERE id = $1",
        job_id,
    )
    return job_id, await dead_letter(pipeline, job_id=job_id)


async def test_a_chunk_of_a_running_stage_waits_for_the_window(operator: Client, pipeline: Pipeline):
    job_id, sequence = await chunk_of(pipeline, operator, "transcribing")
    assert (await operator.http.post(f"{PATH}/{sequence}/redrive")).status_code == 204
    assert await pipeline.pool.fetchval("SELECT state FROM chunks WHERE job_id = $1", job_id) == "waiting"
    assert await pipeline.queued(job_id) == ["prepare"]


async def test_a_chunk_of_a_job_that_is_being_assembled_stays(operator: Client, pipeline: Pipeline):
    job_id, sequence = await chunk_of(pipeline, operator, "assembling")
    answer = await operator.http.post(f"{PATH}/{sequence}/redrive")
    assert (answer.status_code, answer.json()["code"]) == (409, "being_assembled")
    assert answer.headers["retry-after"] == "5"
    assert (await operator.http.post(f"{PATH}/redrive")).json() == {"accepted": 0, "repeated": 0, "next_cursor": None}
    assert await listed(operator) == [sequence]
    # Nothing was done, so nothing is recorded, and the next click counts.
    assert await pipeline.changes() == []
    await pipeline.end(operator.owner_id, job_id)
    assert (await operator.http.post(f"{PATH}/{sequence}/redrive")).status_code == 204


async def test_an_entry_that_cannot_be_read_can_only_be_discarded(operator: Client, pipeline: Pipeline):
    entry = DeadLetter("work.prepare.standard", {"Nats-Msg-Id": uuid4().hex}, b"\xff\xfe", "bad_message", "No.", 1)
    sequence = await entry.publish(pipeline.jetstream)
    answer = await operator.http.post(f"{PATH}/{sequence}/redrive")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_redrivable")
    assert (await operator.http.delete(f"{PATH}/{sequence}")).status_code == 204


async def test_all_dead_letters_of_a_stage_are_redriven_by_one_request(operator: Client, pipeline: Pipeline):
    sequences = [await dead_letter(pipeline, stage) for stage in ("transcribe", "prepare", "transcribe")]
    answer = await operator.http.post(f"{PATH}/redrive?stage=transcribe")
    assert (answer.status_code, answer.json()) == (200, {"accepted": 2, "repeated": 0, "next_cursor": None})
    assert await listed(operator) == [sequences[1]]
    nothing = await operator.http.post(f"{PATH}/redrive?stage=assemble")
    assert (nothing.status_code, nothing.json()) == (200, {"accepted": 0, "repeated": 0, "next_cursor": None})


async def test_dead_letters_are_for_operators_only(operator: Client, alice: Client, pipeline: Pipeline):
    sequence = await dead_letter(pipeline)
    for method, path in (
        ("GET", ""),
        ("GET", "?owner=nobody"),
        ("POST", "/redrive"),
        ("GET", f"/{sequence}"),
        ("POST", f"/{sequence}/redrive"),
        ("DELETE", f"/{sequence}"),
    ):
        answer = await alice.http.request(method, f"{PATH}{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "operators_only")
    assert await pipeline.changes() == []


async def test_an_unknown_dead_letter_is_not_found(operator: Client):
    for sequence in ("999999999", "0", "-1", "x", "9" * 30):
        answer = await operator.get(f"{PATH}/{sequence}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), sequence


async def test_an_operator_cannot_see_transcriptions_of_others(operator: Client, alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    assert (await operator.get(f"/v1/transcriptions/{job_id}")).status_code == 404


async def test_filters_by_code_stage_owner_and_time_are_combined(operator: Client, alice: Client, pipeline: Pipeline):
    first = await dead_letter(pipeline, code="bad_message", owner_id=alice.owner_id)
    second = await dead_letter(pipeline, "prepare", code="bad_message")
    middle = datetime.now(UTC).isoformat()
    third = await dead_letter(pipeline, owner_id=alice.owner_id)
    assert await listed(operator, code="bad_message") == [first, second]
    assert await listed(operator, code="bad_message", stage="prepare") == [second]
    assert await listed(operator, owner="alice") == await listed(operator, owner=str(alice.owner_id)) == [first, third]
    assert await listed(operator, failed_before=middle) == [first, second]
    assert await listed(operator, failed_after=middle) == [third]
    assert await listed(operator, failed_after=middle, code="bad_message") == []
    assert (await operator.get(f"{PATH}/{first}")).json()["owner_id"] == str(alice.owner_id)


async def test_pages_of_selected_dead_letters_miss_none(operator: Client, pipeline: Pipeline, monkeypatch):
    monkeypatch.setattr(entry_scan, "BATCH", 3)
    monkeypatch.setattr(entry_scan, "MAX_READ", 6)
    codes = ["rare" if number in {1, 9, 10} else "frequent" for number in range(12)]
    sequences = [await dead_letter(pipeline, code=code) for code in codes]
    seen: list[int] = []
    query: dict[str, object] = {"code": "rare", "limit": 2}
    for _ in range(4):
        page = (await operator.get(PATH, params=query)).json()
        assert page["total"] is None
        seen += [entry["sequence"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [sequences[1], sequences[9], sequences[10]]


async def test_filters_that_cannot_be_meant_are_refused_in_a_sentence(operator: Client):
    for query in (
        "code=%20",
        "stage=1",
        "owner=nobody",
        "owner=",
        "failed_after=yesterday",
        "failed_after=2026-03-01T00:00:00",
    ):
        for method, path in (("GET", PATH), ("POST", f"{PATH}/redrive")):
            answer = await operator.http.request(method, f"{path}?{query}")
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), query
            assert answer.headers["content-type"] == "application/problem+json"
    assert "owner: there is no user with this name." in (await operator.get(f"{PATH}?owner=nobody")).json()["detail"]


async def test_only_the_selected_dead_letters_are_redriven(operator: Client, pipeline: Pipeline):
    other = await dead_letter(pipeline)
    await dead_letter(pipeline, code="bad_message")
    answer = await operator.http.post(f"{PATH}/redrive?code=bad_message")
    assert answer.json() == {"accepted": 1, "repeated": 0, "next_cursor": None}
    assert await listed(operator) == [other]


@pytest.mark.parametrize("path", ["{sequence}/redrive", "redrive", "redrive?code=internal_error"])
async def test_a_double_click_redrives_once(operator: Client, pipeline: Pipeline, path: str):
    job_id, sequence = await failed_job(pipeline, operator)
    address = f"{PATH}/{path.format(sequence=sequence)}"
    answers = await asyncio.gather(*(operator.http.post(address) for _ in range(4)))
    if "{" in path:
        assert {answer.status_code for answer in answers} <= {204, 404}
    else:
        assert sum(answer.json()["accepted"] for answer in answers) == 1
    assert await pipeline.queued(job_id) == ["prepare", "prepare"]
    assert await pipeline.changes() == ["job", "redrive"]


async def test_a_click_after_one_that_could_not_drop_the_entry_drops_it(
    operator: Client, pipeline: Pipeline, monkeypatch
):
    job_id, sequence = await failed_job(pipeline, operator)
    entries = pipeline.dependencies.entries

    async def unavailable(_: int) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(entries, "drop", unavailable)
        assert (await operator.http.post(f"{PATH}/{sequence}/redrive")).status_code == 503
    assert await listed(operator) == [sequence]
    assert (await operator.http.post(f"{PATH}/{sequence}/redrive")).status_code == 204
    assert await listed(operator) == []
    assert await pipeline.queued(job_id) == ["prepare", "prepare"]


async def test_more_dead_letters_than_one_request_takes_are_redriven_with_the_cursor(
    operator: Client, pipeline: Pipeline, monkeypatch
):
    monkeypatch.setattr(operations, "MAX_REDRIVEN_PER_REQUEST", 2)
    for _ in range(5):
        await dead_letter(pipeline)
    accepted, path = [], f"{PATH}/redrive"
    while path:
        answer = (await operator.http.post(path)).json()
        accepted.append(answer["accepted"])
        path = f"{PATH}/redrive?cursor={answer['next_cursor']}" if answer["next_cursor"] else ""
    assert accepted == [2, 2, 1]
    assert await listed(operator) == []


_TIMES = st.datetimes(timezones=st.just(UTC))
_OWNERS = st.sampled_from([UUID(int=1), UUID(int=2)])
_WORDS = st.sampled_from(["one", "two"])
_ENTRIES = st.builds(
    Entry, sequence=st.integers(1), stage=_WORDS, subject=st.just(""), code=_WORDS, error=st.just(""),
    attempts=st.just(1), failed_at=_TIMES, command=st.none(), job_id=st.none(), owner_id=st.none() | _OWNERS,
    payload=st.none(),
)  # fmt: skip


@given(entry=_ENTRIES, stage=_WORDS, code=_WORDS, owner_id=_OWNERS, after=_TIMES, before=_TIMES)
def test_a_filter_selects_what_each_of_its_criteria_selects(entry, stage, code, owner_id, after, before):
    single = (
        EntryFilter(stage=stage),
        EntryFilter(code=code),
        EntryFilter(owner_id=owner_id),
        EntryFilter(failed_after=after),
        EntryFilter(failed_before=before),
    )
    together = EntryFilter(stage, code, owner_id, after, before)
    assert EntryFilter().selects(entry)
    assert together.selects(entry) == all(each.selects(entry) for each in single)
    assert EntryFilter(owner_id=owner_id).selects(entry) == (entry.owner_id == owner_id)
    assert not (EntryFilter(failed_after=after).selects(entry) and EntryFilter(failed_before=after).selects(entry))
