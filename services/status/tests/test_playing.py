"""Players that are paused: they stop nobody else, and do not hold their place for ever."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from uuid import UUID

import pytest
from rpc_stubs import failure, take
from support.eventually import eventually_async

from .conftest import Client, Pipeline, Service

# More than the buffers of both ends hold.
RECORDING = bytes(16 * 1024 * 1024)


async def recorded(service: Service, owner: Client) -> UUID:
    pipeline = service.pipeline
    job_id = await pipeline.job(owner.owner_id)
    key = await pipeline.pool.fetchval(
        "UPDATE recordings SET size_bytes = $2 WHERE id = $1 RETURNING object_key", job_id, len(RECORDING)
    )
    await pipeline.dependencies.objects.put(key, RECORDING)
    return job_id


@asynccontextmanager
async def paused(service: Service, owner: Client, job_id: UUID, count: int = 1) -> AsyncIterator[None]:
    """Players that ask for the recording, and read no further than the first bytes of the response."""
    host, port = service.url.removeprefix("http://").split(":")
    path = f"/v1/transcriptions/{job_id}/audio"
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {owner.key}\r\n\r\n"
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        players = [stack.enter_context(socket.socket()) for _ in range(count)]
        for player in players:
            player.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            player.setblocking(False)
            await loop.sock_connect(player, (host, int(port)))
            await loop.sock_sendall(player, request.encode())
        for player in players:
            assert (await loop.sock_recv(player, 12)).endswith(b" 200")
        yield


def open_streams(service: Service, owner: Client) -> int:
    return service.dependencies.players._open[owner.owner_id]


async def test_seventy_paused_players_stop_neither_another_player_nor_other_requests(start):
    async with start() as service, AsyncExitStack() as stack:
        for _ in range(3):
            owner = await service.user()
            job_id = await recorded(service, owner)
            await stack.enter_async_context(paused(service, owner, job_id, 24))
        other = await service.user()
        job_id = await recorded(service, other)
        heard = await other.get(f"/v1/transcriptions/{job_id}/audio", headers={"Range": "bytes=0-99"})
        assert (heard.status_code, len(heard.content)) == (206, 100)
        async with asyncio.timeout(10):
            assert await service.dependencies.objects.size_bytes(await key_of(service.pipeline, job_id))


async def key_of(pipeline: Pipeline, job_id: UUID) -> str:
    return await pipeline.pool.fetchval("SELECT object_key FROM recordings WHERE id = $1", job_id)


async def test_a_paused_player_is_cut_off_and_its_place_is_free(start):
    async with start(audio_stall_s=0.3, max_audio_streams_per_owner=1) as service:
        owner = await service.user()
        job_id = await recorded(service, owner)
        async with paused(service, owner, job_id):
            await eventually_async(lambda: open_streams(service, owner) == 0)
            again = await owner.get(f"/v1/transcriptions/{job_id}/audio", headers={"Range": "bytes=-9"})
            assert (again.status_code, len(again.content)) == (206, 9)


async def test_a_player_that_reads_slowly_hears_everything(start):
    """It takes a piece now and then, each time within the limit."""
    async with start(audio_stall_s=5.0) as service:
        owner = await service.user()
        job_id, size = await recorded(service, owner), 0
        async with owner.http.stream("GET", f"/v1/transcriptions/{job_id}/audio") as response:
            async for block in response.aiter_raw(1024 * 1024):
                size += len(block)
                await asyncio.sleep(0.01)
        assert size == len(RECORDING)


async def test_one_owner_gets_a_share_of_the_players(start):
    async with start(max_audio_streams_per_owner=2, max_audio_streams=3) as service, AsyncExitStack() as stack:
        owner, other, third = [await service.user() for _ in range(3)]
        job_id, theirs, another = [await recorded(service, each) for each in (owner, other, third)]
        await stack.enter_async_context(paused(service, owner, job_id, 2))
        refused = await owner.get(f"/v1/transcriptions/{job_id}/audio")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert int(refused.headers["retry-after"]) > 0
        error = await failure(owner.rpc("GetAudio", id=job_id))
        assert (error.code, error.reason, error.retry_after_s) == ("RESOURCE_EXHAUSTED", "too_many_streams", 5)
        assert (await owner.http.head(f"/v1/transcriptions/{job_id}/audio")).status_code == 200
        await stack.enter_async_context(paused(service, other, theirs))
        full = await third.get(f"/v1/transcriptions/{another}/audio")
        assert (full.status_code, full.json()["code"]) == (503, "busy")


async def test_a_paused_player_of_grpc_is_cut_off_too(start):
    async with start(audio_stall_s=0.3) as service:
        owner = await service.user()
        call = owner.rpc("GetAudio", id=await recorded(service, owner), timeout_s=60)
        await take(call, 1)
        await eventually_async(lambda: open_streams(service, owner) == 0)
        error = await failure(call)
        assert (error.code, error.reason, error.retry_after_s) == ("UNAVAILABLE", "unavailable", 1)


@pytest.mark.parametrize("protocol", ["REST", "gRPC"])
async def test_a_player_that_goes_away_frees_its_place(start, protocol: str):
    async with start() as service:
        owner = await service.user()
        job_id = await recorded(service, owner)
        if protocol == "REST":
            async with paused(service, owner, job_id):
                assert open_streams(service, owner) == 1
        else:
            call = owner.rpc("GetAudio", id=job_id)
            await take(call, 1)
            assert open_streams(service, owner) == 1
            call.cancel()
        await eventually_async(lambda: open_streams(service, owner) == 0)
