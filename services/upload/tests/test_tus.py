"""The guarantees of tus 1.0.0, on real servers."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from support.eventually import eventually_async
from tus_client import BYTES, MIB, TUS, check_job, checksum, create, head, metadata, patch
from voicepipe_wire.storage import objects


async def test_options_lists_the_capabilities_without_a_key(make_client):
    answer = await (await make_client(max_upload_bytes=12345)).options("/v1/uploads", headers={"Authorization": ""})
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert answer.headers["tus-max-size"] == "12345"
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256,md5"
    assert set(answer.headers["tus-extension"].split(",")) == {
        "creation", "creation-with-upload", "creation-defer-length", "checksum", "expiration", "termination",
    }  # fmt: skip


async def test_an_upload_in_pieces_of_any_size_becomes_a_job(make_client, database, leftovers, recording):
    client, data = await make_client(), recording(20 * MIB)
    url = await create(client, len(data), **metadata(filename="talk.wav", language="en"))
    offset = 0
    for size in (1, 10, 5000, 8 * MIB, 3, 9 * MIB, len(data)):
        answer = await patch(client, url, offset, data[offset : offset + size])
        assert answer.status_code == 204, answer.text
        offset = min(offset + size, len(data))
        assert answer.headers["upload-offset"] == str(offset)
        assert "upload-expires" in answer.headers
    await check_job(answer, database, leftovers, data)
    options = await database.fetchval("SELECT options FROM jobs")
    assert options["language"] == "en"
    assert url.endswith(answer.headers["transcription-id"])


async def test_head_answers_during_and_after(make_client, recording):
    client, data = await make_client(), recording(1000)
    about = metadata(filename="talk.wav")
    url = await create(client, len(data), **about)
    await patch(client, url, 0, data[:400])
    during = await head(client, url)
    assert during.status_code == 200
    assert (during.headers["upload-offset"], during.headers["upload-length"]) == ("400", "1000")
    assert during.headers["upload-metadata"] == about["Upload-Metadata"]
    assert during.headers["cache-control"] == "no-store"
    assert "transcription-id" not in during.headers
    last = await patch(client, url, 400, data[400:])
    after = await head(client, url)
    assert after.headers["upload-offset"] == "1000"
    assert after.headers["transcription-id"] == last.headers["transcription-id"]
    again = await patch(client, url, 1000, b"")
    assert (again.status_code, again.headers["transcription-id"]) == (204, last.headers["transcription-id"])


async def test_creation_may_carry_the_whole_recording(make_client, database, leftovers, recording):
    client, data = await make_client(), recording(9 * MIB)
    headers = BYTES | {"Upload-Length": str(len(data))} | checksum(data, "sha256")
    answer = await client.post("/v1/uploads", content=data, headers=headers)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, str(len(data)))
    await check_job(answer, database, leftovers, data)


async def test_the_length_may_come_later(make_client, database, leftovers, recording):
    client, data = await make_client(), recording(10 * MIB)
    url = await create(client)
    await patch(client, url, 0, data[: 9 * MIB])
    before = await head(client, url)
    assert before.headers["upload-defer-length"] == "1"
    assert "upload-length" not in before.headers
    assert (await patch(client, url, 9 * MIB, b"", **{"Upload-Length": "5"})).json()["code"] == "length_mismatch"
    answer = await patch(client, url, 9 * MIB, data[9 * MIB :], **{"Upload-Length": str(len(data))})
    await check_job(answer, database, leftovers, data)


async def test_a_length_sent_after_all_bytes_finishes_the_upload(make_client, database, leftovers, recording):
    client, data = await make_client(), recording(100)
    url = await create(client)
    await patch(client, url, 0, data)
    answer = await patch(client, url, 100, b"", **{"Upload-Length": "100"})
    await check_job(answer, database, leftovers, data)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_a_matching_checksum_is_accepted(make_client, database, leftovers, recording, algorithm):
    client, data = await make_client(), recording(18 * MIB)
    url = await create(client, len(data))
    first = data[: 17 * MIB]
    assert (await patch(client, url, 0, first, **checksum(first, algorithm))).status_code == 204
    rest = data[17 * MIB :]
    answer = await patch(client, url, 17 * MIB, rest, **checksum(rest, algorithm))
    await check_job(answer, database, leftovers, data)


async def test_a_patch_with_a_wrong_checksum_stores_nothing(make_client, database, leftovers, recording):
    client, data = await make_client(), recording(20 * MIB)
    url = await create(client, len(data))
    await patch(client, url, 0, data[:1000])
    spoilt = recording(17 * MIB, salt=7)
    answer = await patch(client, url, 1000, spoilt, **checksum(data[1000 : 1000 + len(spoilt)]))
    assert (answer.status_code, answer.json()["code"], answer.json()["title"]) == (
        460,
        "checksum_mismatch",
        "Checksum mismatch",
    )
    assert (await head(client, url)).headers["upload-offset"] == "1000"
    answer = await patch(client, url, 1000, data[1000:], **checksum(data[1000:]))
    await check_job(answer, database, leftovers, data)


async def test_a_creation_with_a_wrong_checksum_leaves_nothing(make_client, leftovers, recording):
    data = recording(9 * MIB)
    headers = BYTES | {"Upload-Length": str(len(data))} | checksum(b"other")
    answer = await (await make_client()).post("/v1/uploads", content=data, headers=headers)
    assert answer.status_code == 460
    assert await leftovers.nothing()


@pytest.mark.parametrize("offset", [0, 99, 101, 5000])
async def test_a_wrong_offset_changes_nothing(make_client, recording, offset):
    client = await make_client()
    url = await create(client, 1000)
    await patch(client, url, 0, recording(100))
    answer = await patch(client, url, offset, b"x" * 10)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_offset")
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert (await head(client, url)).headers["upload-offset"] == "100"


async def test_more_bytes_than_announced_are_rejected(make_client, recording):
    client = await make_client()
    url = await create(client, 1000)
    answer = await patch(client, url, 0, recording(1001))
    assert (answer.status_code, answer.json()["code"]) == (400, "length_mismatch")

    async def without_length():
        yield recording(800)
        yield recording(800)

    answer = await patch(client, url, 0, without_length())
    assert (answer.status_code, answer.json()["code"]) == (400, "length_mismatch")
    assert (await head(client, url)).headers["upload-offset"] == "0"


async def test_an_upload_without_length_stops_at_the_limit(make_client):
    client = await make_client(max_upload_bytes=1000)
    url = await create(client)
    answer = await patch(client, url, 0, b"\xff" * 1001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Length": "10", "Tus-Resumable": "0.2.2"}, 412, "tus_version"),
        ({"Upload-Length": "0"}, 400, "empty_body"),
        ({"Upload-Length": "-1"}, 400, "invalid_header"),
        ({}, 400, "invalid_header"),
        ({"Upload-Length": str(2**40)}, 413, "too_large"),
        ({"Upload-Length": "10", "Upload-Metadata": "filename ?"}, 400, "invalid_metadata"),
        ({"Upload-Length": "10"} | metadata(lang="en"), 400, "unknown_option"),
        ({"Upload-Length": "10"} | metadata(language="klingon"), 422, "invalid_option"),
        ({"Upload-Length": "10"} | metadata(langauge="en"), 400, "unknown_option"),
    ],
)
async def test_a_bad_creation_is_rejected_and_leaves_nothing(make_client, leftovers, headers, status, code):
    answer = await (await make_client()).post("/v1/uploads", headers=TUS | headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert status != 412 or answer.headers["tus-version"] == "1.0.0"
    assert await leftovers.nothing()


async def test_a_patch_with_another_content_type_is_rejected(make_client):
    client = await make_client()
    url = await create(client, 10)
    answer = await client.patch(url, content=b"x", headers=TUS | {"Upload-Offset": "0", "Content-Type": "audio/wav"})
    assert (answer.status_code, answer.json()["code"]) == (415, "tus_content_type")


async def test_bytes_that_are_not_audio_end_the_upload(make_client, leftovers):
    client = await make_client()
    url = await create(client, 20 * MIB)
    answer = await patch(client, url, 0, b"PK\x03\x04" + bytes(9 * MIB))
    assert (answer.status_code, answer.json()["code"]) == (415, "not_audio")
    assert (await head(client, url)).status_code == 404
    assert await leftovers.nothing()


async def test_text_sent_in_small_pieces_is_rejected_too(make_client, leftovers):
    client = await make_client()
    url = await create(client, 6000)
    for offset in range(0, 4000, 1000):
        await patch(client, url, offset, b"word " * 200)
    answer = await patch(client, url, 4000, b"word " * 200)
    assert answer.json()["code"] == "not_audio"
    assert await leftovers.nothing()


async def test_termination_leaves_nothing(make_client, leftovers, recording):
    client = await make_client()
    url = await create(client, 20 * MIB)
    await patch(client, url, 0, recording(9 * MIB))
    assert (await client.delete(url, headers=TUS)).status_code == 204
    assert await leftovers.nothing()
    assert (await patch(client, url, 9 * MIB, b"x")).status_code == 404


async def test_termination_of_an_upload_that_became_a_job_keeps_the_recording(
    make_client, database, leftovers, recording
):
    client, data = await make_client(), recording(1000)
    url = await create(client, len(data))
    answer = await patch(client, url, 0, data)
    assert (await client.delete(url, headers=TUS)).status_code == 204
    await check_job(answer, database, leftovers, data)


async def test_an_expired_upload_is_gone(make_client, database, recording):
    client = await make_client()
    url = await create(client, 1000)
    await database.execute("UPDATE uploads SET expires_at = now() - interval '1 second'")
    for answer in (
        await head(client, url),
        await patch(client, url, 0, recording(10)),
        await client.delete(url, headers=TUS),
    ):
        assert answer.status_code == 410


async def test_bytes_keep_an_upload_from_expiring(make_client, database, recording):
    client = await make_client()
    url = await create(client, 1000)
    await database.execute("UPDATE uploads SET expires_at = now() + interval '1 minute'")
    await patch(client, url, 0, recording(10))
    assert await database.fetchval("SELECT expires_at > now() + interval '1 hour' FROM uploads")


@pytest.mark.parametrize("path", ["/v1/uploads/6e0c6a5e-0000-4000-8000-000000000000", "/v1/uploads/unknown"])
async def test_an_unknown_upload_is_not_found(make_client, path):
    client = await make_client()
    for answer in (
        await head(client, path),
        await patch(client, path, 0, b"x"),
        await client.delete(path, headers=TUS),
    ):
        assert answer.status_code == 404


async def test_another_owners_upload_is_not_found(make_client, other_key, recording):
    client = await make_client()
    url = await create(client, 1000)
    client.headers["Authorization"] = f"Bearer {other_key}"
    for answer in (await head(client, url), await patch(client, url, 0, b"x"), await client.delete(url, headers=TUS)):
        assert answer.status_code == 404


async def test_a_method_that_a_client_invents_becomes_no_label_of_a_metric(client, process):
    for method in ("BREW", "WHEN"):
        answer = await client.post("/v1/uploads", headers={**TUS, "X-HTTP-Method-Override": method})
        assert answer.status_code == 400  # a POST without a length
    metrics = (await client.get("/metrics")).text
    assert "BREW" not in metrics
    assert "WHEN" not in metrics


async def test_a_client_without_patch_and_head_can_override_the_method(client, recording):
    data = recording(100)
    url = await create(client, 100)
    override = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    answer = await client.post(url, content=data, headers=BYTES | override)
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "100")
    answer = await client.post(url + "x", headers=TUS | {"X-HTTP-Method-Override": "HEAD"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_duplicate_gets_the_completed_transcription(make_client, finish_job, database, leftovers, recording):
    client, data = await make_client(), recording(9 * MIB)
    first = await patch(client, await create(client, len(data)), 0, data)
    job_id = first.headers["transcription-id"]
    await finish_job(job_id)
    url = await create(client, len(data))
    second = await patch(client, url, 0, data)
    assert second.headers["transcription-id"] == job_id
    assert (await head(client, url)).headers["transcription-id"] == job_id
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1
    assert len(leftovers.objects()) == 1
    assert (await client.delete(url, headers=TUS)).status_code == 204
    assert len(leftovers.objects()) == 1
    third = await patch(client, await create(client, len(data), **metadata(language="en")), 0, data)
    assert third.headers["transcription-id"] != job_id


async def finished(client, url):
    """The answer of HEAD once the upload has become a job."""

    async def looked():
        answer = await head(client, url)
        return answer if "transcription-id" in answer.headers else None

    return await eventually_async(looked)


async def test_head_finishes_an_upload_whose_last_request_died(make_client, database, leftovers, recording):
    """As after kill -9 between the last recorded part and the job, then between the complete object and the job."""
    client, data = await make_client(), recording(9 * MIB)
    url = await create(client, len(data))
    await patch(client, url, 0, data)
    for _ in range(2):
        await database.execute("TRUNCATE jobs, recordings, stages, outbox CASCADE")
        await database.execute("UPDATE uploads SET job_id = NULL")
        await asyncio.gather(head(client, url), head(client, url))
        await check_job(await finished(client, url), database, leftovers, data)


class Reads:
    """Holds the reads of whole objects until `gate` is set, and counts them."""

    def __init__(self, monkeypatch):
        self.gate, self.count, read = asyncio.Event(), 0, objects.ObjectStore.open

        @asynccontextmanager
        async def held(store, key, *arguments):
            self.count += 1
            await self.gate.wait()
            async with read(store, key, *arguments) as blocks:
                yield blocks

        monkeypatch.setattr(objects.ObjectStore, "open", held)


@pytest.fixture
async def died(database):
    """Call it with a client and a recording for an upload that is complete, whose last request died before it made the job."""

    async def make(client, data):
        url = await create(client, len(data))
        await patch(client, url, 0, data[:1000])
        await patch(client, url, 1000, data[1000:])
        await database.execute("TRUNCATE jobs, recordings, stages, outbox CASCADE")
        await database.execute("UPDATE uploads SET job_id = NULL, sha256 = NULL")
        return url

    return make


async def test_head_answers_at_once_and_the_recording_is_read_back_once(
    make_client, make_rpc_client, died, database, leftovers, recording, monkeypatch
):
    first, second, rpc = await make_client(), await make_client(), await make_rpc_client()
    data = recording(9 * MIB)
    url = await died(first, data)
    reads = Reads(monkeypatch)
    for _ in range(3):
        for client in (first, second):
            answer = await head(client, url)
            assert answer.headers["upload-offset"] == str(len(data))
            assert "transcription-id" not in answer.headers
        assert not (await rpc.get(url.rpartition("/")[2])).HasField("transcription_id")
    last = asyncio.create_task(patch(first, url, len(data), b""))
    await eventually_async(lambda: reads.count)
    reads.gate.set()
    assert (await last).headers["transcription-id"]
    await check_job(await finished(second, url), database, leftovers, data)
    assert reads.count == 1


async def test_the_hash_of_a_recording_is_kept_if_what_follows_fails(
    make_client, died, database, leftovers, recording, monkeypatch
):
    client, data = await make_client(), recording(9 * MIB)
    url = await died(client, data)
    reads = Reads(monkeypatch)
    reads.gate.set()
    await database.execute("ALTER TABLE recordings RENAME TO gone")
    await head(client, url)
    await eventually_async(lambda: database.fetchval("SELECT sha256 IS NOT NULL FROM uploads"))
    await database.execute("ALTER TABLE gone RENAME TO recordings")
    await check_job(await finished(client, url), database, leftovers, data)
    assert reads.count == 1


async def test_another_replica_reads_the_recording_if_the_first_one_died(
    make_client, died, database, leftovers, recording
):
    client, data = await make_client(), recording(9 * MIB)
    url = await died(client, data)
    await database.execute("UPDATE uploads SET hashing_until = now() + interval '1 hour'")
    await head(client, url)
    # As after HELD_FOR_S without a renewal.
    await database.execute("UPDATE uploads SET hashing_until = now()")
    await check_job(await finished(client, url), database, leftovers, data)
