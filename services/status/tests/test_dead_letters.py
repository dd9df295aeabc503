"""Dead letters, for operators."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from support.eventually import eventually_async
from voicepipe_wire.messaging.dead_letters import DeadLetter
from voicepipe_wire.messaging.envelope import headers_for, unpack
from voicepipe_wire.messaging.subjects import DLQ
from voicepipe_wire.v1.commands_pb2 import DiscardDeadLetter, RedriveDeadLetter, TranscribeChunk

from .conftest import Client, Pipeline, Service

PATH = "/v1/admin/dead-letters"


@pytest.fixture
async def operator(service: Service) -> Client:
    await service.pipeline.jetstream.context.purge_stream(DLQ)
    return await service.user("operator", operator=True)


async def dead_letter(pipeline: Pipeline, stage: str = "transcribe", job_id: object = None) -> int:
    message_id = uuid4()
    command = TranscribeChunk(job_id=str(job_id or uuid4()), owner_id=str(uuid4()), chunk_index=7)
    headers = headers_for(command, message_id, "test")
    entry = DeadLetter(
        f"work.{stage}.standard",
        headers,
        command.SerializeToString(),
        "internal_error",
        "ValueError: no\nsuch thing",
        5,
    )
    return await entry.publish(pipeline.jetstream)


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
    listed: list[int] = []
    path = f"{PATH}?limit=2&stage=transcribe"
    while path:
        page = (await operator.get(path)).json()
        assert page["total"] == 3
        listed += [entry["sequence"] for entry in page["items"]]
        path = f"{PATH}?limit=2&stage=transcribe&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert listed == [sequences[0], *sequences[2:]]
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


async def test_redrive_and_discard_write_a_command_each(operator: Client, pipeline: Pipeline):
    for method, path, command in (
        ("POST", "/redrive", RedriveDeadLetter),
        ("DELETE", "", DiscardDeadLetter),
    ):
        await pipeline.pool.execute("DELETE FROM outbox")
        sequence = await dead_letter(pipeline)
        slow = await operator.http.request(method, f"{PATH}/{sequence}{path}")
        assert slow.status_code == 202
        (row,) = await pipeline.commands()
        assert unpack(row["headers"], row["payload"])[1] == command(sequence=sequence)
        assert row["subject"] == "work.control.premium"

        async def carry_out(sequence: int = sequence) -> None:
            async def is_written() -> bool:
                return len(await pipeline.commands()) == 2

            await eventually_async(is_written, 10)
            await pipeline.jetstream.context.delete_msg(DLQ, sequence)

        controller = asyncio.create_task(carry_out())
        done = await operator.http.request(method, f"{PATH}/{sequence}{path}")
        await controller
        assert done.status_code == 204
        assert (await operator.http.request(method, f"{PATH}/{sequence}{path}")).status_code == 404


async def test_all_dead_letters_of_a_stage_are_redriven_by_one_request(operator: Client, pipeline: Pipeline):
    sequences = [await dead_letter(pipeline, stage) for stage in ("transcribe", "prepare", "transcribe")]
    answer = await operator.http.post(f"{PATH}/redrive?stage=transcribe")
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "remaining": 0})
    commands = [unpack(row["headers"], row["payload"])[1] for row in await pipeline.commands()]
    assert commands == [RedriveDeadLetter(sequence=sequences[0]), RedriveDeadLetter(sequence=sequences[2])]
    nothing = await operator.http.post(f"{PATH}/redrive?stage=assemble")
    assert (nothing.status_code, nothing.json()) == (200, {"accepted": 0, "remaining": 0})


async def test_dead_letters_are_for_operators_only(operator: Client, alice: Client, pipeline: Pipeline):
    sequence = await dead_letter(pipeline)
    for method, path in (
        ("GET", ""),
        ("POST", "/redrive"),
        ("GET", f"/{sequence}"),
        ("POST", f"/{sequence}/redrive"),
        ("DELETE", f"/{sequence}"),
    ):
        answer = await alice.http.request(method, f"{PATH}{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "operators_only")
    assert await pipeline.commands() == []


async def test_an_unknown_dead_letter_is_not_found(operator: Client):
    for sequence in ("999999999", "0", "-1", "x", "9" * 30):
        answer = await operator.get(f"{PATH}/{sequence}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), sequence


async def test_an_operator_cannot_see_transcriptions_of_others(operator: Client, alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    assert (await operator.get(f"/v1/transcriptions/{job_id}")).status_code == 404
