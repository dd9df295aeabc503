"""A request that is repeated with its key is carried out once, whichever way a recording comes."""

import asyncio

import httpx
import pytest
from rpc_client import Request, failure, new, trailer, whole
from support.eventually import eventually_async
from tus_client import BYTES, TUS, create, head, metadata, patch
from voicepipe_wire.web import idempotency

KEY = {"Idempotency-Key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}


def form(data, **fields):
    return {"file": ("talk.wav", data, "audio/wav"), **{name: (None, value) for name, value in fields.items()}}


async def only_one_job(database):
    return await database.fetchval("SELECT count(*) FROM jobs") == 1


async def test_a_repeated_recording_gets_the_same_answer(make_client, finish_job, database, leftovers, recording):
    client, data = await make_client(), recording(9 << 20)
    first = await client.post("/v1/transcriptions?fresh=true", content=data, headers=KEY)
    assert first.status_code == 202, first.text
    await finish_job(first.json()["id"])
    again = await client.post("/v1/transcriptions?fresh=true", content=data, headers=KEY)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert await only_one_job(database)
    assert len(leftovers.objects()) == 1
    assert await database.fetchval("SELECT count(*) FROM uploads") == 0


async def test_a_repeated_form_gets_the_same_answer(make_client, database, recording):
    client, data = await make_client(), recording(1000)
    first, again = [
        await client.post("/v1/transcriptions", files=form(data, language="en", fresh="true"), headers=KEY)
        for _ in range(2)
    ]
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    assert await only_one_job(database)


async def test_a_key_of_another_request_is_refused(make_client, database, recording):
    client, data = await make_client(), recording(1000)
    await client.post("/v1/transcriptions?name=a.wav", content=data, headers=KEY)
    for answer in (
        await client.post("/v1/transcriptions?name=a.wav", content=recording(1000, salt=1), headers=KEY),
        await client.post("/v1/transcriptions?name=b.wav", content=data, headers=KEY),
        await client.post("/v1/transcriptions?name=a.wav&language=en", content=data, headers=KEY),
        await client.post("/v1/transcriptions?name=a.wav", files=form(data), headers=KEY),
        await client.post("/v1/uploads", headers=TUS | KEY | {"Upload-Length": "1000"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await only_one_job(database)


async def test_a_form_with_other_fields_is_another_request(make_client, recording):
    client, data = await make_client(), recording(1000)
    await client.post("/v1/transcriptions", files=form(data), headers=KEY)
    answer = await client.post("/v1/transcriptions", files=form(data, language="en"), headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_another_owner_may_use_the_same_key(make_client, other_key, recording):
    client = await make_client()
    first = await client.post("/v1/transcriptions", content=recording(1000), headers=KEY)
    client.headers["Authorization"] = f"Bearer {other_key}"
    other = await client.post("/v1/transcriptions", content=recording(1000), headers=KEY)
    assert other.status_code == 202
    assert other.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("value", ["x" * 256, "two words", '""', "naïve".encode()])
async def test_a_key_with_a_wrong_form_is_refused(make_client, leftovers, recording, value):
    client = await make_client()
    answer = await client.post("/v1/transcriptions", content=recording(1000), headers={"Idempotency-Key": value})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")
    assert await leftovers.nothing()


async def test_a_request_in_flight_is_not_carried_out_twice(client, database, recording):
    data, hold = recording(1000), asyncio.Event()

    async def slowly():
        yield data[:500]
        await hold.wait()
        yield data[500:]

    first = asyncio.create_task(client.post("/v1/transcriptions", content=slowly(), headers=KEY))
    await eventually_async(lambda: database.fetchval("SELECT count(*) > 0 FROM idempotency_keys"))
    meanwhile = await client.post("/v1/transcriptions", content=data, headers=KEY)
    assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "idempotency_in_flight")
    assert int(meanwhile.headers["retry-after"]) > 0
    hold.set()
    assert (await first).status_code == 202
    again = await client.post("/v1/transcriptions", content=data, headers=KEY)
    assert (again.status_code, again.json()) == (202, (await first).json())


async def test_a_request_that_failed_leaves_its_key_free(make_client, database, recording):
    client = await make_client()
    refused = await client.post("/v1/transcriptions", content=b"word " * 500, headers=KEY)
    assert refused.status_code == 415
    assert await database.fetchval("SELECT count(*) FROM idempotency_keys") == 0
    assert (await client.post("/v1/transcriptions", content=recording(1000), headers=KEY)).status_code == 202


async def test_a_killed_process_does_not_block_its_key(processes, key, database, recording, make_client):
    process, client, data, never = processes(), await make_client(), recording(1000), asyncio.Event()

    async def endless():
        yield data[:500]
        await never.wait()
        yield b""

    headers = KEY | {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=process.url, headers=headers, timeout=60) as sender:
        dying = asyncio.create_task(sender.post("/v1/transcriptions", content=endless()))
        await eventually_async(lambda: database.fetchval("SELECT count(*) > 0 FROM uploads"))
        process.kill()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
    blocked = await client.post("/v1/transcriptions", content=data, headers=KEY)
    assert blocked.status_code == 409
    # As after HELD_FOR_S: nobody has renewed it.
    await database.execute("UPDATE idempotency_keys SET held_until = now()")
    answer = await client.post("/v1/transcriptions", content=data, headers=KEY)
    assert answer.status_code == 202
    assert await only_one_job(database)


async def test_a_request_that_lost_its_key_creates_nothing(make_client, database, leftovers, recording):
    """As after an outage of PostgreSQL during which another request took the key over."""
    client, data = await make_client(), recording(1000)

    async def taken_over():
        yield data
        await database.execute("UPDATE idempotency_keys SET holder = gen_random_uuid()")

    answer = await client.post("/v1/transcriptions", content=taken_over(), headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_flight")
    await database.execute("DELETE FROM idempotency_keys")
    assert await leftovers.nothing()


async def test_a_renewed_key_is_held_for_longer(make_client, database, recording, monkeypatch):
    monkeypatch.setattr(idempotency, "RENEW_EVERY_S", 0.01)
    client, data = await make_client(), recording(1000)

    async def long():
        yield data[:500]
        await database.execute("UPDATE idempotency_keys SET held_until = now() - interval '1 hour'")
        await eventually_async(lambda: database.fetchval("SELECT held_until > now() FROM idempotency_keys"))
        yield data[500:]

    assert (await client.post("/v1/transcriptions", content=long(), headers=KEY)).status_code == 202


async def test_an_expired_answer_is_forgotten(make_client, database, recording):
    client = await make_client()
    first = await client.post("/v1/transcriptions?fresh=true", content=recording(1000), headers=KEY)
    await database.execute("UPDATE idempotency_keys SET expires_at = now()")
    again = await client.post("/v1/transcriptions?fresh=true", content=recording(1000), headers=KEY)
    assert (again.status_code, again.json()["id"] != first.json()["id"]) == (202, True)


async def test_a_deleted_transcription_takes_its_answer_along(make_client, database, recording):
    client = await make_client()
    await client.post("/v1/transcriptions", content=recording(1000), headers=KEY)
    await database.execute("DELETE FROM jobs")
    assert await database.fetchval("SELECT count(*) FROM idempotency_keys") == 0


async def test_a_repeated_creation_gives_the_same_upload(make_client, database, leftovers, recording):
    client, data = await make_client(), recording(1000)
    key = KEY | metadata(filename="talk.wav")
    url = await create(client, len(data), **key)
    await patch(client, url, 0, data[:400])
    assert await create(client, len(data), **key) == url
    assert await database.fetchval("SELECT count(*) FROM uploads") == 1
    other = await client.post("/v1/uploads", headers=TUS | key | {"Upload-Length": "999"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_repeated_creation_with_bytes_gives_the_same_answer(make_client, database, recording):
    client, data = await make_client(), recording(1000)
    headers = BYTES | KEY | {"Upload-Length": "1000"}
    partial = [await client.post("/v1/uploads", content=data[:400], headers=headers) for _ in range(2)]
    assert partial[0].headers["location"] == partial[1].headers["location"]
    assert partial[1].headers["upload-offset"] == "400"
    other = await client.post("/v1/uploads", content=data[:300], headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    whole_headers = headers | {"Idempotency-Key": "another"} | metadata(fresh="true")
    complete = [await client.post("/v1/uploads", content=data, headers=whole_headers) for _ in range(2)]
    assert complete[0].headers["transcription-id"] == complete[1].headers["transcription-id"]
    assert await only_one_job(database)


async def test_a_repeated_call_gets_the_same_answer(make_rpc_client, database, leftovers, recording):
    rpc, data = await make_rpc_client(), recording(1000)
    parts = whole(data, request_id="7", options={"fresh": True})
    first, again = await rpc.create(parts), await rpc.create(parts)
    assert (again.transcription, again.existing) == (first.transcription, first.existing)
    assert await only_one_job(database)
    assert len(leftovers.objects()) == 1
    for other in (
        whole(recording(1000, salt=1), request_id="7", options={"fresh": True}),
        whole(data, request_id="7"),
    ):
        error = await failure(rpc.create(other))
        assert (error.code, error.reason) == ("INVALID_ARGUMENT", "idempotency_key_reused")


async def test_a_call_may_have_its_key_in_the_metadata(make_rpc_client, database, recording):
    rpc, data = await make_rpc_client(), recording(1000)
    rpc.metadata += (("idempotency-key", "7"),)
    parts = whole(data, options={"fresh": True})
    assert (await rpc.create(parts)).transcription.id == (await rpc.create(parts)).transcription.id
    assert await only_one_job(database)


async def test_a_call_in_flight_is_not_carried_out_twice(make_rpc_client, database, recording):
    rpc, data, hold = await make_rpc_client(), recording(1000), asyncio.Event()

    async def slowly():
        yield new(request_id="7")
        yield Request(chunk=data)
        await hold.wait()
        yield trailer(data)

    first = rpc.start(slowly())
    await eventually_async(lambda: database.fetchval("SELECT count(*) > 0 FROM uploads"))
    error = await failure(rpc.create(whole(data, request_id="7")))
    assert (error.code, error.reason) == ("ABORTED", "idempotency_in_flight")
    assert error.retry_after_s > 0
    hold.set()
    transcription = (await first).transcription
    assert (await rpc.create(whole(data, request_id="7"))).transcription == transcription


async def test_what_a_head_shows_does_not_need_the_key(make_client, recording):
    client = await make_client()
    url = await create(client, 1000, **KEY)
    assert (await head(client, url)).headers["upload-offset"] == "0"
