"""What operators do over gRPC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rpc_stubs import METHODS, failure
from voicepipe_api.v1 import admin_pb2 as api
from voicepipe_wire.messaging.subjects import BACKLOG, DLQ

from .conftest import Client, Pipeline, Service
from .stored_backlog import publish
from .stored_dead_letters import dead_letter

OPERATORS = [name for name, method in METHODS.items() if method.containing_service.name == "Admin"]


@pytest.fixture
async def operator(service: Service) -> Client:
    for stream in (DLQ, BACKLOG):
        await service.pipeline.jetstream.context.purge_stream(stream)
    return await service.user("grace", operator=True)


@pytest.mark.parametrize("method", OPERATORS)
async def test_every_method_is_for_operators_only(alice: Client, pipeline: Pipeline, method: str):
    fields = (
        {"sequence": await dead_letter(pipeline)} if "sequence" in METHODS[method].input_type.fields_by_name else {}
    )
    error = await failure(alice.rpc(method, **fields))
    assert (error.code, error.reason) == ("PERMISSION_DENIED", "operators_only")
    assert await pipeline.changes() == []


async def test_a_dead_letter_shows_its_command_and_its_headers(operator: Client, pipeline: Pipeline):
    job_id = uuid4()
    sequence = await dead_letter(pipeline, job_id=job_id)
    found = await operator.rpc("GetDeadLetter", sequence=sequence)
    assert (found.sequence, found.stage, found.code, found.attempts) == (sequence, "transcribe", "internal_error", 5)
    assert (found.command, found.job_id) == ("TranscribeChunk", str(job_id))
    assert found.payload["chunk_index"] == 7
    assert found.headers["ce-type"] == "voicepipe.v1.TranscribeChunk"
    (listed,) = (await operator.rpc("ListDeadLetters")).items
    assert not listed.headers
    found.headers.clear()
    assert listed == found


async def test_dead_letters_are_read_page_by_page(operator: Client, pipeline: Pipeline):
    made = [await dead_letter(pipeline) for _ in range(5)]
    seen, token = [], ""
    while True:
        page = await operator.rpc("ListDeadLetters", page_size=2, page_token=token)
        assert page.total == 5
        seen += [item.sequence for item in page.items]
        if not (token := page.next_page_token):
            break
    assert seen == made


async def test_dead_letters_are_filtered(operator: Client, service: Service, pipeline: Pipeline):
    ada = await service.user("ada")
    first = await dead_letter(pipeline, "prepare", owner_id=ada.owner_id)
    second = await dead_letter(pipeline, "transcribe", code="model_away")

    async def found(**fields: object) -> list[int]:
        return [item.sequence for item in (await operator.rpc("ListDeadLetters", filter=fields)).items]

    now = datetime.now(UTC)
    assert await found() == [first, second]
    assert await found(stage="prepare") == [first]
    assert await found(code="model_away") == [second]
    assert await found(owner="ada") == await found(owner=str(ada.owner_id)) == [first]
    assert await found(failed_after=now - timedelta(hours=1), failed_before=now + timedelta(hours=1)) == [first, second]
    assert await found(failed_after=now + timedelta(hours=1)) == []
    answer = await operator.rpc("ListDeadLetters", filter={"code": "model_away"})
    assert not answer.HasField("total")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"page_size": 101}, "page_size"),
        ({"filter": {"stage": "Prepare!"}}, "stage"),
        ({"filter": {"code": "No Code"}}, "code"),
        ({"page_token": "9" * 200}, "page_token"),
    ],
)
async def test_invalid_filters_name_their_field(operator: Client, fields: dict, field: str):
    error = await failure(operator.rpc("ListDeadLetters", **fields))
    assert (error.code, error.reason, error.fields) == ("INVALID_ARGUMENT", "invalid_request", [field])


async def test_a_time_outside_the_calendar_is_an_invalid_request(operator: Client):
    late = api.DeadLetterFilter(failed_after=Timestamp(seconds=2**60))
    request = api.ListDeadLettersRequest(filter=late)
    stub = operator.rpc._channel.unary_unary(
        "/voicepipe.api.v1.Admin/ListDeadLetters", api.ListDeadLettersRequest.SerializeToString
    )
    error = await failure(stub(request, metadata=operator.rpc._metadata))
    assert (error.code, error.reason, error.fields) == ("INVALID_ARGUMENT", "invalid_request", ["failed_after"])


async def test_an_unknown_owner_and_a_bad_token_are_refused(operator: Client):
    assert (await failure(operator.rpc("ListDeadLetters", filter={"owner": "nobody"}))).reason == "invalid_request"
    for method in ("ListDeadLetters", "RedriveDeadLetters", "ListOperatorActions", "ListStuckJobs"):
        error = await failure(operator.rpc(method, page_token="x"))
        assert (error.code, error.reason) == ("INVALID_ARGUMENT", "bad_cursor")


@pytest.mark.parametrize("sequence", [0, -1, -(2**63), 999_999, 2**63 - 1])
@pytest.mark.parametrize("method", ["GetDeadLetter", "RedriveDeadLetter", "DiscardDeadLetter"])
async def test_an_unknown_dead_letter_is_not_found(operator: Client, pipeline: Pipeline, method: str, sequence: int):
    await dead_letter(pipeline)
    error = await failure(operator.rpc(method, sequence=sequence))
    assert (error.code, error.reason) == ("NOT_FOUND", "not_found")
    assert await pipeline.changes() == []


@pytest.mark.parametrize("method", ["RedriveDeadLetter", "DiscardDeadLetter"])
async def test_an_entry_is_gone_when_the_call_ends(operator: Client, pipeline: Pipeline, method: str):
    sequence = await dead_letter(pipeline)
    assert (await operator.rpc(method, sequence=sequence)).took_effect
    assert (await failure(operator.rpc(method, sequence=sequence))).reason == "not_found"
    assert not (await operator.rpc("ListDeadLetters")).items


async def test_all_that_the_filters_select_are_redriven_once(operator: Client, pipeline: Pipeline):
    chosen = [await dead_letter(pipeline) for _ in range(3)]
    other = await dead_letter(pipeline, "prepare")
    first = await operator.rpc("RedriveDeadLetters", filter={"stage": "transcribe"})
    again = await operator.rpc("RedriveDeadLetters", filter={"stage": "transcribe"})
    assert (first.accepted, first.repeated, first.next_page_token) == (3, 0, "")
    assert (again.accepted, again.repeated) == (0, 0)
    assert [each.sequence for each in (await operator.rpc("ListDeadLetters")).items] == [other]
    actions = (await operator.rpc("ListOperatorActions")).items
    assert {(each.action, each.sequence, each.user_name) for each in actions} == {
        (api.ACTION_KIND_REDRIVE, sequence, "grace") for sequence in chosen
    }


async def test_queues_and_their_age(operator: Client, pipeline: Pipeline):
    missing = await operator.rpc("ListQueues")
    assert (missing.state, missing.HasField("published_at"), list(missing.queues)) == (
        api.SNAPSHOT_STATE_MISSING, False, [],
    )  # fmt: skip
    await publish(pipeline, 0)
    found = await operator.rpc("ListQueues")
    assert found.state == api.SNAPSHOT_STATE_CURRENT
    prepare, transcribe = found.queues
    assert (prepare.stage, prepare.HasField("pool"), prepare.HasField("replicas")) == ("prepare", False, False)
    assert (transcribe.pool, transcribe.queued_s, transcribe.waiting_commands) == ("accurate", 120.0, 16)


async def test_stuck_jobs_are_listed_oldest_first(operator: Client, pipeline: Pipeline):
    for hours in (1, 3, 2):
        await pipeline.job(operator.owner_id, changed_at=datetime.now(UTC) - timedelta(hours=hours))
    found = (await operator.rpc("ListStuckJobs", older_than_s=5400)).items
    assert [round(each.unchanged_s / 3600) for each in found] == [3, 2]
    assert {each.owner for each in found} == {"grace"}
    page = await operator.rpc("ListStuckJobs", page_size=1)
    rest = await operator.rpc("ListStuckJobs", page_size=5, page_token=page.next_page_token)
    assert [round(each.unchanged_s / 3600) for each in (*page.items, *rest.items)] == [3, 2, 1]
    assert (await failure(operator.rpc("ListStuckJobs", older_than_s=-1))).fields == ["older_than_s"]
