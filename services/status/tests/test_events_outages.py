"""Event streams survive outages of the broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest
from support.eventually import eventually_async
from support.sse import Event
from voicepipe_wire.messaging.subjects import EVENTS

from .conftest import Client, Pipeline, Service, following, take

FIRST_EVENTS = 2  # events of a new job


@pytest.fixture
async def broker(private_nats):
    """A NATS server that a test may kill."""
    return private_nats()


@pytest.fixture
async def isolated(start, broker) -> AsyncIterator[Service]:
    """The service with its own broker."""
    async with start(nats=broker[0]) as service:
        yield service


async def until_following(service: Service, wanted: bool) -> None:
    """Until the service follows the events, or has noticed that it does not. It stays ready either way."""

    async def is_as_wanted() -> bool:
        async with httpx.AsyncClient(base_url=service.url, timeout=10) as client:
            answer = await client.get("/readyz")
        assert answer.status_code == 200
        return (answer.json()["checks"]["events"] == "ok") == wanted

    await eventually_async(is_as_wanted, 30)


@asynccontextmanager
async def collecting(client: Client, job_id: UUID) -> AsyncIterator[asyncio.Task[list[Event]]]:
    """A client that keeps reading, after it has received the events of a new job."""
    async with following(client, job_id) as events:
        sent = await take(events, FIRST_EVENTS)

        async def collect() -> list[Event]:
            async with asyncio.timeout(60):
                return sent + [event async for event in events]

        yield asyncio.create_task(collect())


def chunks(sent: list[Event]) -> list[int]:
    return [event.data["chunk_index"] for event in sent if event.type == "chunk-transcribed"]


async def delete_consumer(pipeline: Pipeline) -> None:
    for consumer in await pipeline.jetstream.context.consumers_info(EVENTS):
        await pipeline.jetstream.context.delete_consumer(EVENTS, consumer.name)


async def test_a_deleted_consumer_loses_no_event(isolated: Service):
    pipeline, user = isolated.pipeline, await isolated.user()
    job_id = await pipeline.job(user.owner_id)
    async with collecting(user, job_id) as client:
        await pipeline.transcribe_chunks(user.owner_id, job_id, 0)
        await delete_consumer(pipeline)
        await pipeline.transcribe_chunks(user.owner_id, job_id, 1, 2)
        await until_following(isolated, wanted=False)
        await pipeline.transcribe_chunks(user.owner_id, job_id, 3)
        await until_following(isolated, wanted=True)
        await pipeline.transcribe_chunks(user.owner_id, job_id, 4)
        await pipeline.end(user.owner_id, job_id)
        sent = await client
    assert chunks(sent) == [0, 1, 2, 3, 4]
    assert sent[-1].type == "job-completed"


async def test_a_recreated_stream_is_followed_from_its_beginning(isolated: Service):
    pipeline, user = isolated.pipeline, await isolated.user()
    job_id = await pipeline.job(user.owner_id)
    await pipeline.transcribe_chunks(user.owner_id, job_id, *range(5))
    async with collecting(user, job_id) as client:
        await pipeline.jetstream.context.delete_stream(EVENTS)
        # Another service may recreate and use it before this one notices.
        await pipeline.jetstream.ensure_streams()
        await pipeline.transcribe_chunks(user.owner_id, job_id, 5, 6)
        await until_following(isolated, wanted=False)
        await until_following(isolated, wanted=True)
        await pipeline.transcribe_chunks(user.owner_id, job_id, 7)
        # A client that reconnects with an id of the old stream receives all of the new one.
        async with following(user, job_id, **{"Last-Event-ID": "7"}) as events:
            assert chunks(await take(events, 3)) == [5, 6, 7]
        await pipeline.end(user.owner_id, job_id)
        sent = await client
    assert chunks(sent) == list(range(8))
    assert sent[-1].type == "job-completed"


async def test_a_deleted_stream_is_recreated(isolated: Service):
    pipeline = isolated.pipeline
    await pipeline.jetstream.context.delete_stream(EVENTS)
    await until_following(isolated, wanted=False)
    await until_following(isolated, wanted=True)
    assert (await pipeline.jetstream.context.stream_info(EVENTS)).state.messages == 0


async def test_a_killed_broker_loses_no_event(isolated: Service, broker):
    pipeline, user = isolated.pipeline, await isolated.user()
    job_id = await pipeline.job(user.owner_id)
    async with collecting(user, job_id) as client:
        await pipeline.transcribe_chunks(user.owner_id, job_id, 0)
        broker[1].kill()
        await until_following(isolated, wanted=False)
        # The job continues; its events wait in the outbox.
        await pipeline.transcribe_chunks(user.owner_id, job_id, 1, 2)
        answer = await user.get(f"/v1/transcriptions/{job_id}")
        assert answer.status_code == 200
        refused = await user.get(f"/v1/transcriptions/{job_id}/events")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        await asyncio.to_thread(broker[1].start)
        await until_following(isolated, wanted=True)
        assert await pipeline.outbox.relay(older_than_s=0) == 2
        await pipeline.end(user.owner_id, job_id)
        sent = await client
    assert chunks(sent) == [0, 1, 2]
    assert [event.id for event in sent] == sorted({event.id for event in sent})
    assert sent[-1].type == "job-completed"


async def test_a_job_is_cancelled_while_the_broker_is_unavailable(isolated: Service, broker):
    pipeline, user = isolated.pipeline, await isolated.user()
    job_id = await pipeline.job(user.owner_id)
    await asyncio.to_thread(broker[1].kill)
    answer = await user.http.post(f"/v1/transcriptions/{job_id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert await pipeline.pool.fetchval("SELECT count(*) > 0 FROM outbox WHERE published_at IS NULL")
    # Reading needs no broker.
    assert (await user.get("/v1/transcriptions")).status_code == 200
