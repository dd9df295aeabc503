"""Uploads over gRPC: what is accepted, what is refused, and what remains. On real servers."""

import hashlib

import pytest
from rpc_client import CHUNK_BYTES, MIB, Request, check_job, chunks, continued, failure, header, new, trailer, whole
from voicepipe_api.v1 import transcription_pb2 as types
from voicepipe_api.v1 import uploads_pb2 as api

ID = "6e0c6a5e-0000-4000-8000-000000000000"


@pytest.mark.parametrize("check", [True, False], ids=["hash", "no hash"])
@pytest.mark.parametrize("announced", [True, False], ids=["size", "no size"])
@pytest.mark.parametrize("size_bytes", [1000, 20 * MIB])
async def test_a_recording_becomes_a_job(make_rpc_client, database, leftovers, recording, size_bytes, announced, check):
    client, data = await make_rpc_client(), recording(size_bytes)
    sizes = {"size_bytes": len(data)} if announced else {}
    answer = await client.create(whole(data, check=check, **sizes))
    assert not answer.existing
    await check_job(answer, database, leftovers, data)


async def test_the_answer_has_what_is_known_at_once(make_rpc_client, recording):
    client = await make_rpc_client()
    options = {"model": "Accurate", "language": "en", "task": types.TASK_TRANSLATE, "priority": types.PRIORITY_PREMIUM}
    options |= {"keyterms": ["Ada", "Grace, Hopper"], "diarize": True, "min_speakers": 2, "max_speakers": 3}
    options |= {"channels": types.CHANNELS_MIX, "track": 2}
    parts = whole(recording(1000), name="a/talk.wav", media_type="audio/x-wav", options=options)
    found = (await client.create(parts)).transcription
    assert (found.name, found.media_type, found.size_bytes) == ("talk.wav", "audio/x-wav", 1000)
    assert found.state == types.JOB_STATE_QUEUED
    assert found.options == types.ResolvedOptions(
        model=types.ModelReference(name="accurate", tier="accurate"),
        language="en",
        task=types.TASK_TRANSLATE,
        keyterms=["Ada", "Grace", "Hopper"],
        diarize=True,
        min_speakers=2,
        max_speakers=3,
        priority=types.PRIORITY_PREMIUM,
        channels=types.CHANNELS_MIX,
        track=2,
    )
    assert found.links.self == f"/v1/transcriptions/{found.id}"
    assert found.HasField("created_at")


async def test_the_id_of_the_upload_comes_before_the_first_chunk(make_rpc_client, recording):
    client, data = await make_rpc_client(), recording(1000)
    call = client.start(whole(data))
    upload_id = dict(await call.initial_metadata())["upload-id"]
    assert upload_id == (await call).transcription.id
    found = await client.get(upload_id)
    assert (found.upload_id, found.offset_bytes, found.size_bytes) == (upload_id, len(data), len(data))
    assert found.transcription_id == upload_id
    assert found.HasField("expires_at")


@pytest.mark.parametrize("size_bytes", [1000, 20 * MIB])
async def test_a_recording_that_does_not_match_its_hash_is_not_kept(make_rpc_client, leftovers, recording, size_bytes):
    client, data = await make_rpc_client(), recording(size_bytes)
    call = client.start([new(), *chunks(data), trailer(b"other")])
    error = await failure(call)
    assert (error.code, error.reason) == ("DATA_LOSS", "checksum_mismatch")
    assert await leftovers.nothing()
    assert (await failure(client.get(dict(await call.initial_metadata())["upload-id"]))).code == "NOT_FOUND"


@pytest.mark.parametrize("parts", [[], [Request(chunk=b"")]], ids=["no chunk", "empty chunk"])
async def test_an_empty_recording_leaves_nothing(make_rpc_client, leftovers, parts):
    error = await failure((await make_rpc_client()).create([new(), *parts, trailer()]))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "empty_body")
    assert await leftovers.nothing()


async def test_bytes_that_are_not_audio_leave_nothing(make_rpc_client, leftovers):
    client = await make_rpc_client()
    for data in (b"PK\x03\x04" + bytes(9 * MIB), b"word " * 500):
        error = await failure(client.create(whole(data)))
        assert (error.code, error.reason) == ("INVALID_ARGUMENT", "not_audio")
        assert await leftovers.nothing()


@pytest.mark.parametrize(
    "parts", [[], [trailer()], [Request(chunk=b"x")], [Request()]], ids=["none", "trailer", "chunk", "empty"]
)
async def test_a_stream_that_does_not_begin_with_a_header_is_refused(make_rpc_client, leftovers, parts):
    error = await failure((await make_rpc_client()).create(parts))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "invalid_request")
    assert "the first message must be a header" in error.detail
    assert await leftovers.nothing()


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([new()], "after the header only chunks and one trailer may come"),
        ([Request()], "after the header only chunks and one trailer may come"),
        ([Request(chunk=bytes(MIB + 1))], f"chunk: at most {MIB} bytes are allowed"),
        ([Request(trailer=api.CreateTrailer(sha256=b"short"))], "sha256: it must have 32 bytes"),
    ],
)
async def test_messages_that_may_not_follow_are_refused_and_the_upload_continues(
    make_rpc_client, database, leftovers, recording, parts, reason
):
    client, data = await make_rpc_client(), recording(10 * MIB)
    call = client.start([new(), *chunks(data[: 9 * MIB]), *parts])
    error = await failure(call)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "invalid_request")
    assert reason in error.detail
    answer = await client.rest_of(dict(await call.initial_metadata())["upload-id"], data)
    await check_job(answer, database, leftovers, data)


async def test_a_chunk_of_1_mib_is_accepted(make_rpc_client, database, leftovers, recording):
    data = recording(MIB)
    answer = await (await make_rpc_client()).create([new(), Request(chunk=data), trailer(data)])
    await check_job(answer, database, leftovers, data)


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"options": {"language": "klingon"}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"model": "huge"}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"task": 9}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"priority": 9}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"channels": 9}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"track": -1}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"diarize": True, "min_speakers": 0}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"diarize": True, "max_speakers": -1}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"min_speakers": 2}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"diarize": False, "min_speakers": 2}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"keyterms": ["a\nb", "\x00"]}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"keyterms": ["k" * 1001]}}, "INVALID_ARGUMENT", "invalid_option"),
        ({"options": {"model": "fast"}}, "FAILED_PRECONDITION", "model_not_served"),
        ({"size_bytes": 2**40}, "INVALID_ARGUMENT", "too_large"),
        ({"size_bytes": 0}, "INVALID_ARGUMENT", "empty_body"),
        ({"size_bytes": -1}, "INVALID_ARGUMENT", "invalid_request"),
        ({"offset_bytes": 5}, "INVALID_ARGUMENT", "invalid_request"),
    ],
)
async def test_a_bad_header_is_refused_and_leaves_nothing(make_rpc_client, leftovers, recording, fields, code, reason):
    error = await failure((await make_rpc_client()).create(whole(recording(1000), **fields)))
    assert (error.code, error.reason) == (code, reason)
    assert await leftovers.nothing()


async def test_an_upload_without_size_stops_at_the_limit(make_rpc_client):
    client = await make_rpc_client(max_upload_bytes=1000)
    error = await failure(client.create(whole(b"\xff" * 1001)))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "too_large")


async def test_more_bytes_than_announced_are_refused_and_the_upload_continues(
    make_rpc_client, database, leftovers, recording
):
    client, data = await make_rpc_client(), recording(10 * MIB)
    call = client.start([new(size_bytes=len(data)), *chunks(data + b"x"), trailer()])
    error = await failure(call)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "length_mismatch")
    answer = await client.rest_of(dict(await call.initial_metadata())["upload-id"], data)
    await check_job(answer, database, leftovers, data)


async def test_fewer_bytes_than_announced_are_kept_and_the_upload_continues(
    make_rpc_client, database, leftovers, recording
):
    client, data = await make_rpc_client(), recording(10 * MIB)
    call = client.start([new(size_bytes=len(data)), *chunks(data[:-5]), trailer()])
    error = await failure(call)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "length_mismatch")
    upload_id = dict(await call.initial_metadata())["upload-id"]
    assert (await client.get(upload_id)).offset_bytes == len(data) - 5
    await check_job(await client.rest_of(upload_id, data), database, leftovers, data)


async def test_a_duplicate_gets_the_completed_transcription(
    make_rpc_client, finish_job, database, leftovers, recording
):
    client, data = await make_rpc_client(), recording(9 * MIB)
    first = (await client.create(whole(data))).transcription
    await finish_job(first.id)
    call = client.start(whole(data, check=False))
    second = await call
    assert (second.existing, second.transcription.id) == (True, first.id)
    assert second.transcription.state == types.JOB_STATE_COMPLETED
    upload_id = dict(await call.initial_metadata())["upload-id"]
    assert (await client.get(upload_id)).transcription_id == first.id
    again = await client.create([header(upload_id=upload_id, offset_bytes=len(data))])
    assert (again.existing, again.transcription.id) == (True, first.id)
    assert len(leftovers.objects()) == 1
    other = await client.create(whole(data, options={"language": "en"}))
    assert (other.existing, other.transcription.id == first.id) == (False, False)


async def test_deleting_an_upload_leaves_nothing(make_rpc_client, leftovers, recording):
    client = await make_rpc_client()
    call = client.start([new(), *chunks(recording(9 * MIB))])
    await failure(call)
    upload_id = dict(await call.initial_metadata())["upload-id"]
    await client.delete(upload_id)
    assert await leftovers.nothing()
    assert (await failure(client.get(upload_id))).code == "NOT_FOUND"


async def test_deleting_an_upload_that_became_a_job_keeps_the_recording(
    make_rpc_client, database, leftovers, recording
):
    client, data = await make_rpc_client(), recording(1000)
    answer = await client.create(whole(data))
    await client.delete(answer.transcription.id)
    await check_job(answer, database, leftovers, data)


async def test_what_the_beginning_of_an_upload_said_cannot_be_changed(make_rpc_client, recording):
    client, data = await make_rpc_client(), recording(1000)
    call = client.start([new(size_bytes=1000), *chunks(data[:400])])
    await failure(call)
    upload_id = dict(await call.initial_metadata())["upload-id"]
    for fields, reason in (
        ({"name": "other.wav"}, "invalid_request"),
        ({"media_type": "audio/wav"}, "invalid_request"),
        ({"options": types.TranscriptionOptions()}, "invalid_request"),
        ({"size_bytes": 999}, "length_mismatch"),
    ):
        error = await failure(client.create(continued(upload_id, 400, data, **fields)))
        assert (error.code, error.reason) == ("INVALID_ARGUMENT", reason)
    found = await client.get(upload_id)
    assert (found.offset_bytes, found.size_bytes, found.HasField("transcription_id")) == (400, 1000, False)


@pytest.mark.parametrize("upload_id", [ID, "unknown", "\N{SNOWMAN}"])
async def test_an_unknown_upload_is_not_found(make_rpc_client, upload_id):
    client = await make_rpc_client()
    continuing = continued(upload_id, 0, b"x")
    for call in (client.get(upload_id), client.delete(upload_id), client.create(continuing)):
        assert (await failure(call)).code == "NOT_FOUND"


async def test_another_owners_upload_is_not_found(make_rpc_client, other_key, recording):
    client, other = await make_rpc_client(), await make_rpc_client(other_key=other_key)
    call = client.start([new(), *chunks(recording(1000))])
    await failure(call)
    upload_id = dict(await call.initial_metadata())["upload-id"]
    for attempt in (other.get(upload_id), other.delete(upload_id), other.create(continued(upload_id, 1000, b"x"))):
        assert (await failure(attempt)).code == "NOT_FOUND"
    assert (await client.get(upload_id)).offset_bytes == 1000


async def test_the_hash_is_of_the_whole_recording(make_rpc_client, database, recording):
    client, data = await make_rpc_client(), recording(3 * CHUNK_BYTES)
    await client.create(whole(data))
    assert await database.fetchval("SELECT sha256 FROM recordings") == hashlib.sha256(data).digest()
