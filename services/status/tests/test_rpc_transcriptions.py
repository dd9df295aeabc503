"""Transcriptions over gRPC: read and change them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from rpc_stubs import failure
from support.eventually import eventually_async
from voicepipe_api.v1 import transcription_pb2 as types
from voicepipe_wire.jobs import jobs

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
    assert await pipeline.changes() == []


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


@pytest.mark.parametrize(
    ("method", "state", "becomes"),
    [("Cancel", "queued", types.JOB_STATE_CANCELLED), ("Retry", "failed", types.JOB_STATE_QUEUED)],
)
async def test_a_change_is_made_when_the_call_ends(
    alice: Client, pipeline: Pipeline, method: str, state: str, becomes: int
):
    job_id = await pipeline.job(alice.owner_id, state=state, finished_at=ENDED if state == "failed" else None)
    answer = await alice.rpc(method, id=job_id)
    assert (answer.took_effect, answer.transcription.state) == (True, becomes)
    assert (await alice.rpc("Get", id=job_id)).state == becomes


@pytest.mark.parametrize(("method", "state", "code"), [
    ("Cancel", "completed", "not_cancellable"), ("Retry", "queued", "not_retryable"), ("DiarizeAgain", "failed", "not_completed"),
])  # fmt: skip
async def test_a_command_that_is_impossible_says_in_which_state_the_job_is(
    alice: Client, pipeline: Pipeline, method: str, state: str, code: str
):
    job_id = await pipeline.job(alice.owner_id, state=state, finished_at=None if state == "queued" else ENDED)
    error = await failure(alice.rpc(method, id=job_id))
    assert (error.code, error.reason, error.members) == ("FAILED_PRECONDITION", code, {"state": state})
    assert await pipeline.changes() == []


async def test_a_deadline_that_passes_while_the_job_is_locked_changes_nothing(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    async with pipeline.outbox.transaction() as transaction:
        await jobs.lock(transaction.connection, job_id)
        error = await failure(alice.rpc("Cancel", id=job_id, timeout_s=1))
        assert error.code == "DEADLINE_EXCEEDED"
        async with asyncio.timeout(10):
            await eventually_async(_nobody_waits)
    assert (await alice.rpc("Get", id=job_id)).state == types.JOB_STATE_QUEUED
    assert await pipeline.changes() == []


def _nobody_waits() -> bool:
    return not any("HandleExceptions" in task.get_name() for task in asyncio.all_tasks())


async def test_a_deleted_transcription_is_gone(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    assert (await alice.rpc("Delete", id=job_id)).took_effect
    assert (await failure(alice.rpc("Get", id=job_id))).code == "NOT_FOUND"
    assert (await failure(alice.rpc("Delete", id=job_id))).code == "NOT_FOUND"


async def test_a_speaker_is_renamed(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    answer = await alice.rpc("RenameSpeaker", id=job_id, speaker="speaker_2", name=" Ada   L ")
    assert (answer.took_effect, answer.speaker.id, answer.speaker.name) == (True, "speaker_2", "Ada L")
    removed = await alice.rpc("RenameSpeaker", id=job_id, speaker="speaker_2")
    assert (removed.took_effect, removed.speaker.name) == (True, "Speaker 2")


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
    assert await pipeline.changes() == []


async def test_diarization_runs_again_within_limits(alice: Client, pipeline: Pipeline):
    job_id = await _with_audio(alice, pipeline)
    answer = await alice.rpc("DiarizeAgain", id=job_id, min_speakers=2, max_speakers=4)
    assert (answer.took_effect, answer.transcription.id) == (True, str(job_id))
    assert answer.transcription.state == types.JOB_STATE_QUEUED
    options = answer.transcription.options
    assert (options.diarize, options.min_speakers, options.max_speakers) == (True, 2, 4)


@pytest.mark.parametrize("limits", [{"min_speakers": 0}, {"max_speakers": 51}, {"min_speakers": 3, "max_speakers": 2}])
async def test_impossible_limits_are_refused(alice: Client, pipeline: Pipeline, limits: dict):
    job_id = await _with_audio(alice, pipeline)
    error = await failure(alice.rpc("DiarizeAgain", id=job_id, **limits))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "invalid_request")
    assert await pipeline.changes() == []


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
