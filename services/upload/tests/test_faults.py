"""Processes die, connections break, servers become unavailable: no byte is lost, left behind or written twice."""

import asyncio
import hashlib
import io
import random
import threading

import httpx
import pytest
from support.eventually import eventually_async
from tus_client import BYTES, MIB, check_job, create, head, patch
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from voicepipe_wire.web import keys

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


class SlowFile(io.BytesIO):
    """A file that is read slowly, to leave time for a fault."""

    def read(self, size_bytes=-1):
        threading.Event().wait(0.2)
        return super().read(size_bytes)


async def wait_for_offset(database, size_bytes, timeout_s=30):
    await eventually_async(
        lambda: database.fetchval("SELECT max(offset_bytes) >= $1 FROM uploads", size_bytes), timeout_s
    )


def start_patch(process, key, url, offset, data, *, hold=None):
    """Send a PATCH in a task; with `hold`, its last byte waits for that event."""

    async def body():
        for start in range(0, len(data) - 1, MIB):
            yield data[start : min(start + MIB, len(data) - 1)]
        if hold:
            await hold.wait()
        yield data[-1:]

    async def send():
        async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:
            more = {"Upload-Offset": str(offset), "Content-Length": str(len(data)), "Authorization": f"Bearer {key}"}
            return await client.patch(url, content=body(), headers=BYTES | more)

    return asyncio.create_task(send())


async def test_tuspy_continues_on_another_replica_after_a_kill(processes, key, database, leftovers, recording):
    data = recording(40 * MIB)
    first, second = processes(), processes()
    tus = TusClient(f"{first.url}/v1/uploads", headers={"Authorization": f"Bearer {key}"})
    uploader = tus.uploader(file_stream=SlowFile(data), chunk_size=7 * MIB, metadata={"filename": "talk.wav"})
    sent = asyncio.create_task(asyncio.to_thread(uploader.upload))
    await wait_for_offset(database, 16 * MIB)
    first.kill()
    with pytest.raises(TusCommunicationError):
        await sent
    stored_bytes = await database.fetchval("SELECT offset_bytes FROM uploads")
    assert 16 * MIB <= stored_bytes < len(data)

    moved = TusClient(f"{second.url}/v1/uploads", headers={"Authorization": f"Bearer {key}"})
    again = moved.uploader(
        file_stream=SlowFile(data), url=uploader.url.replace(first.url, second.url), chunk_size=5 * MIB
    )
    assert again.offset == stored_bytes
    await asyncio.to_thread(again.upload)
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as client:
        answer = await head(client, again.url)
    await check_job(answer, database, leftovers, data)


async def test_a_broken_connection_loses_no_byte_that_arrived(process, key, client, database, leftovers, recording):
    data = recording(12 * MIB)
    url = await create(client, len(data))
    hold = asyncio.Event()
    task = start_patch(process, key, url, 0, data, hold=hold)
    await wait_for_offset(database, 8 * MIB)
    await asyncio.sleep(0.3)
    task.cancel()
    await wait_for_offset(database, len(data) - 1)
    answer = await patch(client, url, len(data) - 1, data[-1:])
    await check_job(answer, database, leftovers, data)


async def test_the_newest_of_two_writers_wins_and_the_object_is_whole(processes, key, database, leftovers, recording):
    data = recording(30 * MIB)
    first, second = processes(), processes()
    async with httpx.AsyncClient(base_url=first.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        url = await create(client, len(data))
        hold = asyncio.Event()
        stale = start_patch(first, key, url, 0, data[: 20 * MIB], hold=hold)
        await wait_for_offset(database, 16 * MIB)
        newest = await start_patch(second, key, url, 16 * MIB, data[16 * MIB : 29 * MIB])
        assert (newest.status_code, newest.headers["upload-offset"]) == (204, str(29 * MIB))
        hold.set()
        superseded = await stale
        assert (superseded.status_code, superseded.json()["code"]) == (409, "superseded")
        assert (await head(client, url)).headers["upload-offset"] == str(29 * MIB)
        answer = await patch(client, url, 29 * MIB, data[29 * MIB :])
        await check_job(answer, database, leftovers, data)


async def test_many_writers_at_random_never_corrupt_an_upload(processes, key, database, leftovers, recording):
    """Connections break at any byte, on two replicas; each starts before the previous one is known to be dead."""
    chance = random.Random(5)
    data = recording(30 * MIB)
    replicas = [processes(), processes()]
    async with httpx.AsyncClient(
        base_url=replicas[0].url, headers={"Authorization": f"Bearer {key}"}, timeout=60
    ) as client:
        url = await create(client, len(data))
        for attempt in range(12):
            offset = int((await head(client, url)).headers["upload-offset"])
            length = chance.randint(1, len(data) - offset)
            task = start_patch(
                replicas[attempt % 2], key, url, offset, data[offset : offset + length], hold=asyncio.Event()
            )
            await asyncio.sleep(chance.uniform(0, 0.3))
            task.cancel()
        offset = -1
        while offset != len(data):
            answer = await head(client, url)
            offset = int(answer.headers["upload-offset"])
            answer = await patch(client, url, offset, data[offset:])
            offset = len(data) if answer.status_code == 204 else offset
        await check_job(answer, database, leftovers, data)


async def test_without_nats_an_upload_is_accepted_and_the_outbox_keeps_its_messages(make_client, database, recording):
    client = await make_client(nats_url="nats://127.0.0.1:9")
    answer = await client.post("/v1/transcriptions", content=recording(1000))
    assert answer.status_code == 202
    kept = await database.fetch("SELECT subject FROM outbox WHERE published_at IS NULL ORDER BY position")
    assert kept[0]["subject"].endswith(".job-created")
    assert "work.prepare.standard" in [row["subject"] for row in kept]


async def test_upload_starts_and_accepts_without_nats(processes, key, recording):
    process = processes(nats_url="nats://127.0.0.1:9")
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=process.url, headers=headers, timeout=60) as client:
        assert (await client.post("/v1/transcriptions", content=recording(1000))).status_code == 202
        assert (await client.get("/readyz")).status_code == 200


async def test_without_the_object_store_the_answer_is_503_with_retry_after(make_client, leftovers, database, recording):
    client = await make_client(s3_endpoint="http://127.0.0.1:9")
    answer = await client.post("/v1/transcriptions", content=recording(1000))
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert await database.fetchval("SELECT count(*) FROM jobs") == 0
    # Rows that could not be removed have expired, so the controller removes them.
    assert await database.fetchval("SELECT count(*) FROM uploads WHERE expires_at > now()") == 0


async def test_a_short_outage_of_the_object_store_does_not_break_an_upload(
    processes, private_object_store, key, database, recording
):
    store, server = private_object_store()
    process = processes(
        **{f"s3_{name}": getattr(store, name) for name in ("endpoint", "access_key", "secret_key", "bucket")}
    )
    data = recording(20 * MIB)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=process.url, headers=headers, timeout=60) as client:
        url = await create(client, len(data))
        hold = asyncio.Event()
        task = start_patch(process, key, url, 0, data, hold=hold)
        await wait_for_offset(database, 16 * MIB)
        server.kill()
        hold.set()
        await asyncio.to_thread(server.start)
        answer = await task
        if answer.status_code == 503:  # the restart took longer than the retries: the client continues
            offset = int((await head(client, url)).headers["upload-offset"])
            answer = await patch(client, url, offset, data[offset:])
        assert answer.status_code == 204, answer.text
    row = await database.fetchrow("SELECT sha256, object_key FROM recordings")
    with store.client().get_object(store.bucket, row["object_key"]) as found:
        assert hashlib.sha256(found.data).digest() == hashlib.sha256(data).digest() == row["sha256"]


async def test_without_postgresql_the_answer_is_503_with_retry_after(processes, private_postgres, migrated, recording):
    url, server = private_postgres()
    migrated(url)
    key = await keys.create(url, "ada", "tests", operator=False)
    process = processes(database_url=url)
    server.kill()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=process.url, headers=headers, timeout=60) as client:
        for answer in (
            await client.post("/v1/transcriptions", content=recording(1000)),
            await client.post("/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "10"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200


async def test_a_stop_finishes_the_requests_in_flight(process, key, client, database, recording):
    data = recording(9 * MIB)
    url = await create(client, len(data))
    hold = asyncio.Event()
    task = start_patch(process, key, url, 0, data, hold=hold)
    await wait_for_offset(database, 8 * MIB)
    stopped = asyncio.create_task(asyncio.to_thread(process.stop))
    await asyncio.sleep(0.5)
    hold.set()
    answer = await task
    assert answer.status_code == 204
    assert answer.headers["transcription-id"]
    assert await stopped == 0


async def test_the_messages_of_an_upload_are_published(process, client, database, nats_streams, recording):
    answer = await client.post("/v1/transcriptions", content=recording(1000))
    job_id = answer.json()["id"]
    command = await database.fetchrow("SELECT work, published_at, stream_seq FROM outbox WHERE job_id = $1", job_id)
    assert command["work"] == "prepare"
    assert command["published_at"] is not None
    assert command["stream_seq"] > 0
