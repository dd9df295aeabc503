"""Server-sent events: no gap, no duplicate, one consumer, and an end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from structlog.testing import capture_logs
from support.eventually import eventually_async
from support.sse import Event
from voicepipe_status.events.feed import Beat, Feed
from voicepipe_status.events.job_events import JobEvent
from voicepipe_status.queries import Queries
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.messaging.outbox import Owned
from voicepipe_wire.messaging.subjects import EVENTS, events_of
from voicepipe_wire.v1.events_pb2 import ChunkTranscribed, JobCancelled, JobDeleted, JobFailed, StageChanged

from .conftest import Client, Pipeline, Service, following, rest, take

# The events of a new job: diarize is skipped, prepare is queued.
FIRST_TYPES = ["stage-changed", "stage-changed"]


async def stored(pipeline: Pipeline, owner_id: UUID, job_id: UUID) -> list[int]:
    """The stream sequences of the events of a job."""
    return [event.sequence for event in await pipeline.dependencies.events.page(events_of(owner_id, job_id), 1, 10_000)]


async def test_past_and_live_events_are_sent_in_order_until_the_end(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.transcribe_chunks(alice.owner_id, job_id, 0)
    async with following(alice, job_id) as events:
        first = await take(events, 3)
        assert [event.type for event in first] == [*FIRST_TYPES, "chunk-transcribed"]
        await pipeline.transcribe_chunks(alice.owner_id, job_id, 1)
        await pipeline.end(alice.owner_id, job_id)
        last = await rest(events)
    assert [event.type for event in last] == ["chunk-transcribed", "job-completed"]
    assert [event.id for event in first + last] == await stored(pipeline, alice.owner_id, job_id)


async def test_data_has_every_field_under_its_name_in_the_contract(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    async with following(alice, job_id) as events:
        queued, _ = await take(events, 2)
    assert queued.data == {
        "job_id": str(job_id),
        "stage": "prepare",
        "state": "queued",
        "attempt": 0,
        "job_state": "queued",
    }


async def test_a_client_that_reconnects_at_any_point_receives_every_event_once(alice: Client, pipeline: Pipeline):
    """While events are published, clients reconnect after every possible number of events, some of them repeatedly."""
    job_id = await pipeline.job(alice.owner_id)
    count = 40

    async def publish() -> None:
        for index in range(count):
            await pipeline.transcribe_chunks(alice.owner_id, job_id, index)
            await asyncio.sleep(random.uniform(0, 0.01))
        await pipeline.end(alice.owner_id, job_id)

    async def cut_after(lengths: list[int]) -> list[Event]:
        sent: list[Event] = []
        for length in lengths:
            headers = {"Last-Event-ID": str(sent[-1].id)} if sent else {}
            async with following(alice, job_id, **headers) as events:
                sent += await take(events, length)
        headers = {"Last-Event-ID": str(sent[-1].id)} if sent else {}
        async with following(alice, job_id, **headers) as events:
            return sent + await rest(events)

    cuts = [[], *([length] for length in range(1, count + 1)), [1] * 12, [7] * 5]
    publishing = asyncio.create_task(publish())
    results = await asyncio.gather(*map(cut_after, cuts))
    await publishing
    expected = await stored(pipeline, alice.owner_id, job_id)
    assert len(expected) == count + 3
    for sent in results:
        assert [event.id for event in sent] == expected


async def test_hundreds_of_clients_share_one_consumer(start):
    async with start(max_event_streams=400) as service:
        user, pipeline = await service.user(), service.pipeline
        job_id = await pipeline.job(user.owner_id)
        ours = await _consumers_of_status(pipeline)
        assert len(ours) == 1
        clients = [asyncio.create_task(_received_ids(service, user, job_id)) for _ in range(300)]
        async with asyncio.timeout(60):
            await eventually_async(lambda: pipeline.dependencies.hub._streams[str(user.owner_id)] >= 300, 60)
            assert await _consumers_of_status(pipeline) == ours
            await pipeline.transcribe_chunks(user.owner_id, job_id, *range(20))
            await pipeline.end(user.owner_id, job_id)
            expected = await stored(pipeline, user.owner_id, job_id)
            for sent in await asyncio.gather(*clients):
                assert sent == expected


async def _consumers_of_status(pipeline: Pipeline) -> set[str]:
    consumers = await pipeline.jetstream.context.consumers_info(EVENTS)
    return {each.name for each in consumers if (each.config.description or "").startswith("status")}


async def _received_ids(service: Service, user: Client, job_id: UUID) -> list[int]:
    """Over a raw socket, because hundreds of HTTP clients would slow down the test."""
    reader, writer = await _open(service, user, job_id)
    received = await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.close()
    return [int(text) for text in _ids(received)]


async def _open(service: Service, user: Client, job_id: UUID) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    path = f"/v1/transcriptions/{job_id}/events"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {user.key}\r\n\r\n".encode())
    return reader, writer


async def test_the_events_of_an_ended_job_are_replayed_and_then_204_is_returned(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.end(alice.owner_id, job_id)
    async with following(alice, job_id) as events:
        sent = await rest(events)
    assert [event.type for event in sent] == [*FIRST_TYPES, "job-completed"]
    again = await alice.get(f"/v1/transcriptions/{job_id}/events", headers={"Last-Event-ID": str(sent[-1].id)})
    # 204 tells an EventSource not to reconnect.
    assert (again.status_code, again.content) == (204, b"")
    by_query = await alice.get(f"/v1/transcriptions/{job_id}/events?last_event_id={sent[0].id}")
    assert f"id: {sent[-1].id}\n" in by_query.text
    assert f"id: {sent[0].id}\n" not in by_query.text


async def test_the_last_event_id_header_wins_over_the_query_parameter(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.end(alice.owner_id, job_id)
    *_, last = await stored(pipeline, alice.owner_id, job_id)
    path = f"/v1/transcriptions/{job_id}/events?last_event_id=1"
    assert (await alice.get(path, headers={"Last-Event-ID": str(last)})).status_code == 204


async def test_the_events_of_a_retried_job_continue_after_its_failure(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    owned = Owned(job_id, alice.owner_id)
    async with pipeline.outbox.transaction() as transaction:
        transaction.event(owned, JobFailed(job_id=str(job_id), code="model_away", message="Try again."))
        transaction.event(owned, StageChanged(job_id=str(job_id), stage="prepare", state="queued"))
    async with following(alice, job_id) as events:
        sent = await take(events, 4)
        await pipeline.end(alice.owner_id, job_id)
        sent += await rest(events)
    assert [event.type for event in sent] == [*FIRST_TYPES, "job-failed", "stage-changed", "job-completed"]
    async with following(alice, job_id, **{"Last-Event-ID": str(sent[2].id)}) as events:
        assert await rest(events) == sent[3:]


async def test_a_cancelled_and_a_deleted_job_end_the_stream(alice: Client, pipeline: Pipeline):
    for final in (JobCancelled, JobDeleted):
        job_id = await pipeline.job(alice.owner_id)
        async with following(alice, job_id) as events:
            await take(events, 2)
            async with pipeline.outbox.transaction() as transaction:
                await transaction.connection.execute("DELETE FROM jobs WHERE id = $1", job_id)
                transaction.event(Owned(job_id, alice.owner_id), final(job_id=str(job_id)))
            assert len(await rest(events)) == 1


async def test_a_stream_stays_open_until_the_end_is_published(alice: Client, pipeline: Pipeline):
    """The broker was unavailable when the job ended: the outbox still holds the event."""
    job_id = await pipeline.job(alice.owner_id)
    publisher, pipeline.outbox._publisher = pipeline.outbox._publisher, _UnavailablePublisher()
    await pipeline.end(alice.owner_id, job_id)
    async with following(alice, job_id) as events:
        assert [event.type for event in await take(events, 2)] == FIRST_TYPES
        await asyncio.sleep(1.2)  # two heartbeats, each of which checks whether the job has ended
        pipeline.outbox._publisher = publisher
        await pipeline.outbox.relay(older_than_s=0)
        assert [event.type for event in await rest(events)] == ["job-completed"]


class _UnavailablePublisher:
    async def publish(self, *_: object) -> int:
        raise Unavailable(Dependency.BROKER, "away")


async def test_a_stream_ends_even_if_the_final_event_was_lost(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    async with following(alice, job_id) as events:
        await take(events, 2)
        await pipeline.pool.execute("UPDATE jobs SET state = 'completed', finished_at = now() WHERE id = $1", job_id)
        assert await rest(events) == []


async def test_a_stream_stays_open_while_the_database_is_unavailable(
    alice: Client, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
):
    job_id = await pipeline.job(alice.owner_id)
    asked = 0

    async def unavailable(*_: object) -> None:
        nonlocal asked
        asked += 1
        raise Unavailable(Dependency.DATABASE, "away")

    async with following(alice, job_id) as events:
        await take(events, 2)
        with monkeypatch.context() as away:
            away.setattr(Queries, "ending", unavailable)
            await eventually_async(lambda: asked >= 2, 15)
        await pipeline.end(alice.owner_id, job_id)
        assert [event.type for event in await rest(events)] == ["job-completed"]


async def test_a_stream_that_cannot_go_on_is_cut_off_and_its_client_continues(
    alice: Client, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
):
    job_id = await pipeline.job(alice.owner_id)

    async def broken(self: Feed) -> AsyncIterator[JobEvent | Beat]:
        yield Beat.HEARTBEAT
        raise Unavailable(Dependency.BROKER, "away")

    with monkeypatch.context() as away, capture_logs() as logs:
        away.setattr(Feed, "items", broken)
        with pytest.raises(httpx.RemoteProtocolError):
            await alice.http.get(f"/v1/transcriptions/{job_id}/events")
    assert "response cut off" in {entry["event"] for entry in logs}
    async with following(alice, job_id) as events:
        assert [event.type for event in await take(events, 2)] == FIRST_TYPES


async def test_comments_keep_a_silent_stream_alive(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    async with alice.http.stream("GET", f"/v1/transcriptions/{job_id}/events") as answer:
        assert answer.headers["cache-control"] == "no-store"
        lines = answer.aiter_lines()
        async with asyncio.timeout(15):
            assert await anext(lines) == "retry: 1000"
            assert ": still here" in [await anext(lines) for _ in range(16)]


async def test_an_id_beyond_the_stream_starts_from_the_beginning(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    async with following(alice, job_id, **{"Last-Event-ID": "999999999"}) as events:
        assert [event.type for event in await take(events, 2)] == FIRST_TYPES


async def test_an_invalid_event_id_is_an_error(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    for bad in ("-1", "1.5", "nonsense", "9" * 30, "0x10"):
        answer = await alice.get(f"/v1/transcriptions/{job_id}/events", headers={"Last-Event-ID": bad})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_event_id")


async def test_one_owner_cannot_take_all_streams(start):
    async with start(max_event_streams=2) as service:
        alice, bob = await service.user(), await service.user()
        mine, theirs = await service.pipeline.job(alice.owner_id), await service.pipeline.job(bob.owner_id)
        async with following(alice, mine) as one, following(alice, mine) as two:
            await take(one, 1)
            await take(two, 1)
            refused = await alice.get(f"/v1/transcriptions/{mine}/events")
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
            assert int(refused.headers["retry-after"]) > 0
            async with following(bob, theirs) as three:
                await take(three, 1)
        await eventually_async(lambda: not service.dependencies.hub._streams[str(alice.owner_id)])
        async with following(alice, mine) as again:
            await take(again, 1)


async def test_events_of_other_owners_are_not_sent(alice: Client, bob: Client, pipeline: Pipeline):
    mine, theirs = await pipeline.job(alice.owner_id), await pipeline.job(bob.owner_id)
    async with following(alice, mine) as events:
        await pipeline.transcribe_chunks(bob.owner_id, theirs, 1, 2, 3)
        # An event of another owner that names this job: the subject decides.
        await pipeline.transcribe_chunks(bob.owner_id, mine, 4)
        await pipeline.end(alice.owner_id, mine)
        assert [event.type for event in await rest(events)] == [*FIRST_TYPES, "job-completed"]


async def test_a_slow_client_is_dropped_and_can_continue_where_it_stopped(start):
    async with start(event_queue_length=4) as service:
        user, pipeline = await service.user(), service.pipeline
        job_id = await pipeline.job(user.owner_id)
        reader, writer = await _open(service, user, job_id)
        received = await reader.readuntil(b"event: stage-changed")
        listeners = pipeline.dependencies.hub._listeners
        index = 0
        async with asyncio.timeout(60):
            while listeners.get((str(user.owner_id), str(job_id))):  # this client has stopped reading
                await _publish_large_events(pipeline, user.owner_id, job_id, index)
                index += 1
        # Data in the socket buffers still arrives; then the connection closes without the final chunk.
        received += await reader.read(-1)
        writer.close()
        assert not received.endswith(b"0\r\n\r\n")
        last = max(int(text) for text in _ids(received))
        await pipeline.end(user.owner_id, job_id)
        async with following(user, job_id, **{"Last-Event-ID": str(last)}) as events:
            sent = [event.id for event in await rest(events)]
        expected = await stored(pipeline, user.owner_id, job_id)
        assert sent == expected[expected.index(last) + 1 :]
        assert len(sent) > 1


async def _publish_large_events(pipeline: Pipeline, owner_id: UUID, job_id: UUID, index: int) -> None:
    async with pipeline.outbox.transaction() as transaction:
        for _ in range(4):
            event = ChunkTranscribed(job_id=str(job_id), chunk_index=index, text="word " * 50_000)
            transaction.event(Owned(job_id, owner_id), event)


def _ids(received: bytes) -> list[bytes]:
    """The ids of the complete events."""
    whole = received[: received.rindex(b"\n\n")]
    return [text.partition(b"\n")[0] for text in whole.split(b"id: ")[1:]]


async def test_streams_end_when_the_service_stops(start):
    async with start() as service:
        user = await service.user()
        job_id = await service.pipeline.job(user.owner_id)

        async def follow() -> list[Event]:
            async with following(user, job_id) as events:
                sent = await take(events, 2)
                begun.set()
                return sent + await rest(events)

        begun = asyncio.Event()
        client = asyncio.create_task(follow())
        async with asyncio.timeout(15):
            await begun.wait()
    assert [event.type for event in await client] == FIRST_TYPES


async def test_a_message_of_a_newer_version_is_skipped(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    headers = {
        "ce-id": str(uuid4()),
        "ce-type": "voicepipe.v1.JobSung",
        "ce-source": "/voicepipe/test",
        "ce-time": datetime.now(UTC).isoformat(),
    }
    async with following(alice, job_id) as events:
        await take(events, 2)
        await pipeline.jetstream.publish(f"events.{alice.owner_id}.{job_id}.job-sung", b"", headers)
        await pipeline.end(alice.owner_id, job_id)
        assert [event.type for event in await rest(events)] == ["job-completed"]
    async with following(alice, job_id) as events:
        assert len(await rest(events)) == 3


async def test_more_events_than_a_page_are_all_replayed(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    for start in range(0, 600, 200):
        await pipeline.transcribe_chunks(alice.owner_id, job_id, *range(start, start + 200))
    await pipeline.end(alice.owner_id, job_id)
    async with following(alice, job_id) as events:
        sent = await rest(events)
    assert [event.id for event in sent] == await stored(pipeline, alice.owner_id, job_id)
    assert len(sent) == 603


async def test_the_service_is_ready_while_it_follows_events(service: Service):
    async with httpx.AsyncClient(base_url=service.url) as client:
        ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (200, {"postgresql": "ok", "nats": "ok", "events": "ok"})
