"""Transcriptions over gRPC: read and change them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from control_commands import carried_out, written
from rpc_stubs import failure
from support.eventually import eventually_async
from voicepipe_api.v1 import transcription_pb2 as types
from voicepipe_wire.v1.commands_pb2 import CancelJob, DeleteJob, DiarizeAgain, RenameSpeaker, RetryJob

from .conftest import Client, Pipeline, Service
from .spoken_transcripts import completed

ENDED = datetime(2026, 3, 1, tzinfo=UTC)
UNARY = ("Get", "Cancel", "Retry", "Delete", "RenameSpeaker", "DiarizeAgain")
STREAMS = ("Watch", "GetTranscript", "Render", "GetAudio")


async def test_a_new_transcription_has_no_fields_that_are_not_known_yet(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    found = await alice.rpc("Get", id=job_id)
    assert (found.id, found.name, found.state) == (str(job_id), "meeting.wav", types.JOB_STATE_QUEUED)
    for name in ("finished_at", "duration_s", "speech_s", "language", "eta_s", "transcript_version", "error"):
        assert not found.HasField(name)
    assert found.HasField("queue_position")
    assert found.queue_position == 0
    assert found.options.model.name == "accurate"
    assert found.options.task == types.TASK_TRANSCRIBE
    assert next(each.stage for each in found.stages) == types.STAGE_PREPARE
    assert found.links.audio == f"/v1/transcriptions/{job_id}/audio"


@pytest.mark.parametrize("method", [*UNARY, *STREAMS])
@pytest.mark.parametrize("which", ["unknown", "no id", "of another user"])
async def test_a_transcription_that_is_not_ones_own_is_not_found(
    alice: Client, bob: Client, pipeline: Pipeline, method: str, which: str
):
    job_id = {"unknown": uuid4(), "no id": "7", "of another user": await completed(pipeline, bob.owner_id)}[which]
    fields = {"format": "txt"} if method == "Render" else {}
    error = await failure(alice.rpc(method, id=job_id, **fields))
    assert (error.code, error.reason) == ("NOT_FOUND", "not_found")
    assert await pipeline.commands() == []


async def test_a_list_is_read_page_by_page(alice: Client, pipeline: Pipeline):
    made = [str(await pipeline.job(alice.owner_id)) for _ in range(5)]
    seen, token = [], ""
    while True:
        page = await alice.rpc("List", page_size=2, page_token=token)
        seen += [item.id for item in page.items]
        if not (token := page.next_page_token):
            break
    assert seen == made[::-1]


async def test_a_list_can_be_filtered(alice: Client, pipeline: Pipeline):
    queued = str(await pipeline.job(alice.owner_id, name="Team meeting.wav"))
    done = str(await pipeline.job(alice.owner_id, state="completed", finished_at=ENDED, created_at=ENDED))
    failed = str(await pipeline.job(alice.owner_id, state="failed", finished_at=ENDED))

    async def ids(**fields: object) -> set[str]:
        return {item.id for item in (await alice.rpc("List", **fields)).items}

    assert await ids() == {queued, done, failed}
    assert await ids(states=["completed", "failed"]) == {done, failed}
    assert await ids(name="team") == {queued}
    assert await ids(created_before=ENDED.replace(year=2027), created_after=ENDED.replace(year=2025)) >= {done}
    assert await ids(created_after=ENDED.replace(day=2)) == {queued, failed}
    found = await alice.rpc("List", ids=[failed, "nonsense", str(uuid4()), queued])
    assert [item.id for item in found.items] == [failed, queued]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"page_size": 101}, "page_size"),
        ({"page_size": -1}, "page_size"),
        ({"name": "x" * 201}, "name"),
        ({"name": "\x00"}, "name"),
        ({"states": ["unspecified"]}, "states.0"),
        ({"states": ["unspecified"] * 5000}, "states.0"),
    ],
)
async def test_an_invalid_list_names_its_fields_as_grpc_does(alice: Client, fields: dict, field: str):
    error = await failure(alice.rpc("List", **fields))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "invalid_request")
    assert error.fields[0] == field
    assert field in error.detail


async def test_a_bad_token_and_too_many_ids_are_refused(alice: Client):
    assert (await failure(alice.rpc("List", page_token="nonsense"))).reason == "bad_cursor"
    assert (await failure(alice.rpc("List", ids=["a"] * 101))).reason == "invalid_request"


async def test_cancel_waits_for_its_effect(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)

    async def cancelled() -> None:
        await pipeline.pool.execute(
            "UPDATE jobs SET state = 'cancelled', finished_at = now(), changed_at = now() WHERE id = $1", job_id
        )

    controller = asyncio.create_task(carried_out(pipeline, cancelled))
    answer = await alice.rpc("Cancel", id=job_id)
    await controller
    assert (answer.took_effect, answer.transcription.state) == (True, types.JOB_STATE_CANCELLED)
    assert await written(pipeline) == [CancelJob(job_id=str(job_id), owner_id=str(alice.owner_id))]


@pytest.mark.parametrize(
    ("method", "state", "command"), [("Cancel", "queued", CancelJob), ("Retry", "failed", RetryJob)]
)
async def test_a_slow_command_is_accepted_without_effect(
    alice: Client, pipeline: Pipeline, method: str, state: str, command: type
):
    job_id = await pipeline.job(alice.owner_id, state=state, finished_at=ENDED if state == "failed" else None)
    answer = await alice.rpc(method, id=job_id)
    assert not answer.took_effect
    assert answer.transcription.id == str(job_id)
    assert await written(pipeline) == [command(job_id=str(job_id), owner_id=str(alice.owner_id))]


@pytest.mark.parametrize(("method", "state", "code"), [
    ("Cancel", "completed", "not_cancellable"), ("Retry", "queued", "not_retryable"), ("DiarizeAgain", "failed", "not_completed"),
])  # fmt: skip
async def test_a_command_that_is_impossible_says_in_which_state_the_job_is(
    alice: Client, pipeline: Pipeline, method: str, state: str, code: str
):
    job_id = await pipeline.job(alice.owner_id, state=state, finished_at=None if state == "queued" else ENDED)
    error = await failure(alice.rpc(method, id=job_id))
    assert (error.code, error.reason, error.members) == ("FAILED_PRECONDITION", code, {"state": state})
    assert await pipeline.commands() == []


async def test_a_deadline_ends_the_wait_but_not_the_command(start):
    async with start(effect_timeout_s=60) as service:
        user = await service.user()
        job_id = await service.pipeline.job(user.owner_id)
        error = await failure(user.rpc("Cancel", id=job_id, timeout_s=1))
        assert error.code == "DEADLINE_EXCEEDED"
        assert await written(service.pipeline) == [CancelJob(job_id=str(job_id), owner_id=str(user.owner_id))]
        # Nothing of the call goes on: an idle service stops at once.
        async with asyncio.timeout(10):
            await eventually_async(_nobody_waits)


def _nobody_waits() -> bool:
    return not any("HandleExceptions" in task.get_name() for task in asyncio.all_tasks())


async def test_delete_tells_whether_it_is_gone(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    assert not (await alice.rpc("Delete", id=job_id)).took_effect
    assert await written(pipeline) == [DeleteJob(job_id=str(job_id), owner_id=str(alice.owner_id))]

    async def deleted() -> None:
        await eventually_async(lambda: _count(pipeline, 2))
        await pipeline.pool.execute("DELETE FROM jobs WHERE id = $1", job_id)

    controller = asyncio.create_task(deleted())
    assert (await alice.rpc("Delete", id=job_id)).took_effect
    await controller
    assert (await failure(alice.rpc("Delete", id=job_id))).code == "NOT_FOUND"


async def _count(pipeline: Pipeline, count: int) -> bool:
    return len(await pipeline.commands()) == count


async def test_a_speaker_is_renamed(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)

    async def renamed() -> None:
        await pipeline.pool.execute(
            "INSERT INTO speaker_names (job_id, owner_id, version, speaker, name) VALUES ($1, $2, 1, 'speaker_2', 'Ada L')",
            job_id,
            alice.owner_id,
        )

    controller = asyncio.create_task(carried_out(pipeline, renamed))
    answer = await alice.rpc("RenameSpeaker", id=job_id, speaker="speaker_2", name=" Ada   L ")
    await controller
    assert (answer.took_effect, answer.speaker.id, answer.speaker.name) == (True, "speaker_2", "Ada L")
    slow = await alice.rpc("RenameSpeaker", id=job_id, speaker="speaker_2")
    assert (slow.took_effect, slow.speaker.name) == (False, "Ada L")
    assert [(each.speaker, each.name) for each in await written(pipeline) if isinstance(each, RenameSpeaker)] == [
        ("speaker_2", "Ada L"), ("speaker_2", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"speaker": "speaker_9", "name": "Ada"}, "NOT_FOUND", "speaker_not_found"),
        ({"speaker": "speaker_1", "name": ""}, "INVALID_ARGUMENT", "invalid_request"),
        ({"speaker": "speaker_1", "name": "x" * 500}, "INVALID_ARGUMENT", "invalid_request"),
        ({"speaker": "speaker_1", "name": "a\x00b"}, "INVALID_ARGUMENT", "invalid_request"),
    ],
)
async def test_an_impossible_name_is_refused(alice: Client, pipeline: Pipeline, fields: dict, code: str, reason: str):
    job_id = await completed(pipeline, alice.owner_id)
    error = await failure(alice.rpc("RenameSpeaker", id=job_id, **fields))
    assert (error.code, error.reason) == (code, reason)
    assert await pipeline.commands() == []


async def test_diarization_runs_again_within_limits(alice: Client, pipeline: Pipeline):
    job_id = await _with_audio(alice, pipeline)
    answer = await alice.rpc("DiarizeAgain", id=job_id, min_speakers=2, max_speakers=4)
    assert (answer.took_effect, answer.transcription.id) == (False, str(job_id))
    expected = DiarizeAgain(job_id=str(job_id), owner_id=str(alice.owner_id), min_speakers=2, max_speakers=4)
    assert await written(pipeline) == [expected]


@pytest.mark.parametrize("limits", [{"min_speakers": 0}, {"max_speakers": 51}, {"min_speakers": 3, "max_speakers": 2}])
async def test_impossible_limits_are_refused(alice: Client, pipeline: Pipeline, limits: dict):
    job_id = await _with_audio(alice, pipeline)
    error = await failure(alice.rpc("DiarizeAgain", id=job_id, **limits))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "invalid_request")
    assert await pipeline.commands() == []


async def _with_audio(user: Client, pipeline: Pipeline) -> UUID:
    job_id = await completed(pipeline, user.owner_id)
    await pipeline.store_audio(job_id)
    return job_id


async def test_only_the_version_is_open_to_everybody(service: Service, alice: Client):
    version = await alice.rpc("GetVersion", metadata=())
    assert version.service == "status"
    for method in ("GetCapabilities", "Get", "ListQueues"):
        error = await failure(alice.rpc(method, metadata=()))
        assert (error.code, error.reason) == ("UNAUTHENTICATED", "key_missing")
