"""Uploads over gRPC that break and continue, here or on another replica, with gRPC or with tus."""

import asyncio

import pytest
from rpc_client import MIB, check_job, chunks, continued, failure, new, trailer, upload_id_of, whole
from support.eventually import eventually_async
from tus_client import create as create_with_tus
from tus_client import head, metadata, patch


async def then_wait(parts, hold=None):
    """The parts, then nothing until `hold` is set; without it the stream stays open."""
    for part in parts:
        yield part
    await (hold or asyncio.Event()).wait()


async def stored(database):
    return await database.fetchval("SELECT offset_bytes FROM uploads")


async def broken_off(client, data, **fields):
    """An upload whose stream ended after `data`."""
    call = client.start([new(**fields), *chunks(data)])
    error = await failure(call)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "length_mismatch")
    return await upload_id_of(call)


@pytest.mark.parametrize("announced", [True, False])
async def test_the_same_trailer_finishes_an_upload_whose_first_one_died(
    make_rpc_client, database, leftovers, recording, announced
):
    """As after a kill between the complete object and the job."""
    client, data = await make_rpc_client(), recording(9 * MIB)
    first = await client.create(whole(data, **({"size_bytes": len(data)} if announced else {})))
    await database.execute("TRUNCATE jobs, recordings, stages, outbox CASCADE")
    await database.execute("UPDATE uploads SET job_id = NULL, size_bytes = $1", len(data) if announced else None)
    again = await client.create(continued(first.transcription.id, len(data), data))
    assert again.transcription.id == first.transcription.id
    await check_job(again, database, leftovers, data)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_stream_without_a_trailer_keeps_its_bytes(make_rpc_client, database, leftovers, recording, announced):
    client, data = await make_rpc_client(), recording(12 * MIB)
    upload_id = await broken_off(client, data[: 10 * MIB + 17], **({"size_bytes": len(data)} if announced else {}))
    found = await client.get(upload_id)
    assert found.offset_bytes == 10 * MIB + 17
    assert found.HasField("size_bytes") == announced
    answer = await client.create(continued(upload_id, found.offset_bytes, data))
    assert answer.transcription.id == upload_id
    await check_job(answer, database, leftovers, data)


async def test_the_hash_of_a_continued_upload_is_compared_too(make_rpc_client, leftovers, recording):
    client, data = await make_rpc_client(), recording(9 * MIB)
    upload_id = await broken_off(client, data[: 4 * MIB])
    spoilt = [*continued(upload_id, 4 * MIB, data)[:-1], trailer(b"other")]
    assert (await failure(client.create(spoilt))).reason == "checksum_mismatch"
    assert await leftovers.nothing()


async def test_all_bytes_without_a_trailer_are_no_recording_yet(make_rpc_client, database, leftovers, recording):
    client, data = await make_rpc_client(), recording(1000)
    upload_id = await broken_off(client, data)
    assert not (await client.get(upload_id)).HasField("transcription_id")
    await check_job(await client.rest_of(upload_id, data), database, leftovers, data)


async def test_all_announced_bytes_are_a_recording_although_the_trailer_is_lost(
    make_rpc_client, database, leftovers, recording
):
    client, data = await make_rpc_client(), recording(1000)
    upload_id = await broken_off(client, data, size_bytes=len(data))

    async def became():
        return (await client.get(upload_id)).transcription_id == upload_id

    await eventually_async(became)
    await check_job(await client.rest_of(upload_id, data), database, leftovers, data)


async def test_a_client_that_cancels_loses_no_byte_that_arrived(make_rpc_client, database, leftovers, recording):
    client, data = await make_rpc_client(), recording(12 * MIB)
    call = client.start(then_wait([new(), *chunks(data[: 11 * MIB])]))
    upload_id = await upload_id_of(call)
    await eventually_async(lambda: _reached(database, 8 * MIB))
    call.cancel()
    await eventually_async(lambda: _reached(database, 11 * MIB))
    await check_job(await client.rest_of(upload_id, data), database, leftovers, data)


async def _reached(database, size_bytes):
    return (await stored(database) or 0) >= size_bytes


async def test_an_idle_client_is_cut_off_and_continues(make_rpc_client, database, leftovers, recording):
    client, data = await make_rpc_client(client_idle_timeout_s=0.5), recording(2 * MIB)
    call = client.start(then_wait([new(), *chunks(data[:MIB])]))
    error = await failure(call)
    assert (error.code, error.reason) == ("DEADLINE_EXCEEDED", "upload_stalled")
    assert await stored(database) == MIB
    await check_job(await client.rest_of(await upload_id_of(call), data), database, leftovers, data)


async def test_a_client_that_never_sends_a_header_is_cut_off(make_rpc_client, leftovers):
    client = await make_rpc_client(client_idle_timeout_s=0.5)
    assert (await failure(client.create(then_wait([])))).reason == "upload_stalled"
    assert await leftovers.nothing()


async def test_tus_finishes_what_grpc_began(make_rpc_client, make_client, database, leftovers, recording):
    client, http, data = await make_rpc_client(), await make_client(), recording(10 * MIB)
    upload_id = await broken_off(client, data[: 9 * MIB])
    url = f"/v1/uploads/{upload_id}"
    assert (await head(http, url)).headers["upload-offset"] == str(9 * MIB)
    answer = await patch(http, url, 9 * MIB, data[9 * MIB :], **{"Upload-Length": str(len(data))})
    assert answer.headers["transcription-id"] == upload_id
    await check_job(await client.rest_of(upload_id, data), database, leftovers, data)


async def test_grpc_finishes_what_tus_began(make_rpc_client, make_client, database, leftovers, recording):
    client, http, data = await make_rpc_client(), await make_client(), recording(10 * MIB)
    url = await create_with_tus(http, **metadata(filename="talk.wav", language="en"))
    await patch(http, url, 0, data[: 9 * MIB])
    answer = await client.rest_of(url.rpartition("/")[2], data)
    assert answer.transcription.options.language == "en"
    await check_job(answer, database, leftovers, data)
    assert (await head(http, url)).headers["transcription-id"] == answer.transcription.id


@pytest.mark.parametrize("offset_bytes", [0, 399, 401, -1, 2**40])
async def test_a_wrong_offset_changes_nothing_and_names_the_right_one(make_rpc_client, recording, offset_bytes):
    client, data = await make_rpc_client(), recording(1000)
    upload_id = await broken_off(client, data[:400])
    parts = continued(upload_id, 0, data)
    parts[0].header.offset_bytes = offset_bytes
    error = await failure(client.create(parts))
    assert (error.code, error.reason) == ("ABORTED", "wrong_offset")
    assert error.members["stored_bytes"] == "400"
    assert "400" in error.detail
    assert (await client.get(upload_id)).offset_bytes == 400


async def test_the_newest_of_two_writers_wins(make_rpc_client, database, leftovers, recording):
    client, other, data = await make_rpc_client(), await make_rpc_client(), recording(20 * MIB)
    hold = asyncio.Event()
    stale = client.start(_resumed([new(), *chunks(data[: 9 * MIB])], hold, chunks(data[9 * MIB : 16 * MIB])))
    upload_id = await upload_id_of(stale)
    await eventually_async(lambda: _reached(database, 8 * MIB))
    offset_bytes = await stored(database)
    end, parts = asyncio.Event(), continued(upload_id, offset_bytes, data)
    newest = other.start(_resumed(parts[:-1], end, parts[-1:]))
    await upload_id_of(newest)
    hold.set()
    error = await failure(stale)
    assert (error.code, error.reason) == ("ABORTED", "superseded")
    end.set()
    await check_job(await newest, database, leftovers, data)


async def _resumed(first, hold, second):
    async for part in then_wait(first, hold):
        yield part
    for part in second:
        yield part


async def test_an_expired_upload_is_gone(make_rpc_client, database, recording):
    client, data = await make_rpc_client(), recording(1000)
    upload_id = await broken_off(client, data[:400])
    await database.execute("UPDATE uploads SET expires_at = now() - interval '1 second'")
    for attempt in (
        client.get(upload_id),
        client.delete(upload_id),
        client.create(continued(upload_id, 400, data)),
    ):
        error = await failure(attempt)
        assert (error.code, error.reason) == ("FAILED_PRECONDITION", "expired")


async def test_an_upload_that_is_a_job_is_answered_again(make_rpc_client, database, leftovers, recording):
    """As after an answer that was lost."""
    client, data = await make_rpc_client(), recording(1000)
    first = await client.create(whole(data))
    for parts in (
        continued(first.transcription.id, len(data), data),
        continued(first.transcription.id, len(data), data)[:1],
    ):
        again = await client.create(parts)
        assert again == first
    await check_job(again, database, leftovers, data)


async def test_too_many_uploads_at_once_are_told_to_come_back(make_rpc_client, database, leftovers, recording):
    client, data = await make_rpc_client(max_concurrent_uploads=1), recording(9 * MIB)
    hold = asyncio.Event()
    first = client.start(_resumed([new(), *chunks(data)], hold, [trailer(data)]))
    await eventually_async(lambda: _reached(database, 8 * MIB))
    error = await failure(client.create(whole(recording(1000, salt=1))))
    assert (error.code, error.reason, error.retry_after_s) == ("UNAVAILABLE", "busy", 5)
    hold.set()
    await check_job(await first, database, leftovers, data)
    assert await database.fetchval("SELECT count(*) FROM uploads") == 1


async def test_a_deleted_upload_stops_its_writer(make_rpc_client, database, leftovers, recording):
    client, data = await make_rpc_client(), recording(20 * MIB)
    hold = asyncio.Event()
    call = client.start(_resumed([new(), *chunks(data[: 9 * MIB])], hold, [*chunks(data[9 * MIB :]), trailer()]))
    upload_id = await upload_id_of(call)
    await eventually_async(lambda: _reached(database, 8 * MIB))
    await client.delete(upload_id)
    hold.set()
    # Which one depends on what the writer finds missing first: its row, or what it has stored.
    assert (await failure(call)).code in {"ABORTED", "UNAVAILABLE"}
    assert await leftovers.nothing()
    assert (await failure(client.get(upload_id))).code == "NOT_FOUND"
