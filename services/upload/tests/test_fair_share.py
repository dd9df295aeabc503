"""One owner, or slow clients, cannot keep the others from uploading."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
from rpc_client import Request, failure, new, trailer, upload_id_of, whole
from support.eventually import eventually_async
from tus_client import BYTES, create, head, patch
from voicepipe_upload.client_pace import ClientPace, Interrupted, PaceLimits

from .conftest import rpc_client

SLOW = {"least_bytes_per_s": 1_000_000, "least_rate_window_s": 0.2}


@asynccontextmanager
async def receiving(client, data):
    """An upload that has a slot, and waits for its client."""
    hold, started = asyncio.Event(), asyncio.Event()

    async def body():
        yield data[:500]
        started.set()
        await hold.wait()
        yield data[500:]

    sending = asyncio.create_task(client.post("/v1/transcriptions", content=body()))
    await started.wait()
    yield
    hold.set()
    assert (await sending).status_code == 202


async def test_one_owner_cannot_take_all_slots(make_client, other_key, database, recording):
    client, data = await make_client(max_concurrent_uploads=3, max_uploads_per_owner=1), recording(1000)
    url = await create(client, 1000)
    async with receiving(client, data):
        for answer in (
            await client.post("/v1/transcriptions", content=recording(1000, salt=1)),
            await patch(client, url, 0, data),
            await client.post("/v1/uploads", content=data, headers=BYTES | {"Upload-Length": "1000"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_uploads")
            assert int(answer.headers["retry-after"]) > 0
        other = {"Authorization": f"Bearer {other_key}"}
        assert (await client.post("/v1/transcriptions", content=data, headers=other)).status_code == 202
    # Refused requests have left nothing, and have not taken the upload over.
    assert await database.fetchval("SELECT count(*) FROM uploads") == 1
    assert (await patch(client, url, 0, data)).status_code == 204


async def test_by_default_one_owner_has_half_of_the_slots(settings):
    for total, share in ((32, 16), (5, 3), (1, 1)):
        assert settings(max_concurrent_uploads=total).uploads_of_one_owner == share
    assert settings(max_uploads_per_owner=7).uploads_of_one_owner == 7


async def test_one_owner_cannot_take_all_slots_over_grpc(make_rpc_client, other_key, recording):
    client, data = await make_rpc_client(max_concurrent_uploads=3, max_uploads_per_owner=1), recording(1000)
    hold = asyncio.Event()

    async def held():
        yield new()
        await hold.wait()
        yield Request(chunk=data)
        yield trailer(data)

    first = client.start(held())
    await upload_id_of(first)
    error = await failure(client.create(whole(recording(1000, salt=1))))
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "too_many_uploads")
    assert error.retry_after_s > 0
    client.metadata, own = (("authorization", f"Bearer {other_key}"),), client.metadata
    assert (await client.create(whole(data))).transcription.id
    client.metadata = own
    hold.set()
    assert (await first).transcription.id


async def test_calls_that_come_at_once_and_find_no_slot_leave_nothing_behind(make_rpc_client, database):
    client, never = await make_rpc_client(max_concurrent_uploads=2, max_uploads_per_owner=2), asyncio.Event()

    async def held():
        yield new()
        await never.wait()

    calls = [client.start(held()) for _ in range(8)]
    failures = [asyncio.create_task(failure(call)) for call in calls]

    async def ended():
        return sum(each.done() for each in failures) == 6

    await eventually_async(ended)
    assert {each.result().reason for each in failures if each.done()} == {"busy"}
    await eventually_async(lambda: database.fetchval("SELECT count(*) = 2 FROM uploads"))
    for call in calls:
        call.cancel()
    await asyncio.gather(*failures, return_exceptions=True)


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def paced(arrivals, least_bytes_per_s=100.0):
    """Receive blocks, each (seconds waited for it, its size); the clock moves only while the client is waited for."""
    clock = Clock()
    pace = ClientPace(PaceLimits(60.0, least_bytes_per_s, 10.0), clock)

    async def arrive(waited_s):
        clock.now_s += waited_s

    async def receive():
        for waited_s, size_bytes in arrivals:
            await pace.wait(arrive(waited_s))
            clock.now_s += 1000  # the server stores it
            pace.received(size_bytes)

    return asyncio.run(receive())


@pytest.mark.parametrize(
    "arrivals",
    [
        [(1, 1)] * 9,
        [(9, 1), (1, 1000)],
        [(10, 1000)] * 5,
        [(0, 0)] * 1000,
        [(0, 1)] * 1000,
    ],
)
def test_a_client_may_be_slow_for_less_than_the_window_or_faster_on_average(arrivals):
    paced(arrivals)


@pytest.mark.parametrize(
    "arrivals", [[(1, 99)] * 10, [(30, 1)], [(10, 1000), (10, 999)], [(1, 10**6)] * 10 + [(10, 9)]]
)
def test_a_client_below_the_least_rate_is_too_slow(arrivals):
    with pytest.raises(Interrupted) as caught:
        paced(arrivals)
    assert caught.value.code == "too_slow"


def test_without_a_least_rate_a_client_may_be_as_slow_as_it_likes():
    paced([(10, 0)] * 10, least_bytes_per_s=0.0)


async def drip(data, ended):
    """Send a byte at a time until the server has answered."""
    for start in range(len(data)):
        if ended.is_set():
            return
        yield data[start : start + 1]
        await asyncio.sleep(0.01)


async def test_a_body_that_drips_is_ended_and_its_slot_is_free(processes, key, database, leftovers, recording):
    process, data, ended = processes(max_concurrent_uploads=1, **SLOW), recording(100_000), asyncio.Event()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=process.url, headers=headers, timeout=60) as client:
        sending = asyncio.create_task(client.post("/v1/transcriptions", content=drip(data, ended)))
        await eventually_async(lambda: database.fetchval("SELECT count(*) = 1 FROM uploads"))
        await eventually_async(leftovers.nothing)
        ended.set()
        answer = await sending
        assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")
        assert await leftovers.nothing()
        assert (await client.post("/v1/transcriptions", content=data)).status_code == 202


async def test_what_dripped_into_a_resumable_upload_is_kept(processes, key, database, recording):
    process, data, ended = processes(**SLOW), recording(100_000), asyncio.Event()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=process.url, headers=headers, timeout=60) as client:
        url = await create(client, len(data))
        sending = asyncio.create_task(patch(client, url, 0, drip(data, ended)))
        await eventually_async(lambda: database.fetchval("SELECT offset_bytes > 0 FROM uploads"))
        ended.set()
        answer = await sending
        assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")
        offset = int((await head(client, url)).headers["upload-offset"])
        assert 0 < offset < len(data)
        assert (await patch(client, url, offset, data[offset:])).headers["transcription-id"]


async def test_a_call_that_drips_is_ended_and_continued(processes, key, recording):
    process, data, ended = processes(**SLOW), recording(100_000), asyncio.Event()

    async def dripping():
        yield new()
        async for block in drip(data, ended):
            yield Request(chunk=block)

    async with rpc_client(process.grpc_port, key) as client:
        call = client.start(dripping())
        upload_id = await upload_id_of(call)
        error = await failure(call)
        ended.set()
        assert (error.code, error.reason) == ("DEADLINE_EXCEEDED", "too_slow")
        assert 0 < (await client.get(upload_id)).offset_bytes < len(data)
        assert (await client.rest_of(upload_id, data)).transcription.size_bytes == len(data)
