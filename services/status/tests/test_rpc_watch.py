"""Watch: no gap, no double, and an end with a meaning, on real servers."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

import grpc
import pytest
from rpc_stubs import Failure, Rpc, failure, failure_of, rest, take
from support.eventually import eventually_async
from voicepipe_wire.messaging.outbox import Owned
from voicepipe_wire.messaging.subjects import events_of
from voicepipe_wire.v1.events_pb2 import ChunkTranscribed, JobCancelled, JobDeleted, JobFailed, StageChanged

from .conftest import Client, Pipeline, Service, following
from .conftest import rest as rest_of_sse

# The events of a new job: diarize is skipped, prepare is queued.
FIRST = ["stage_changed", "stage_changed"]


async def stored(pipeline: Pipeline, owner_id: UUID, job_id: UUID) -> list[int]:
    """The stream sequences of the events of a job."""
    return [event.sequence for event in await pipeline.dependencies.events.page(events_of(owner_id, job_id), 1, 10_000)]


def names(events: list) -> list[str]:
    return [event.WhichOneof("event") for event in events]


def without_beats(events: list) -> list:
    return [event for event in events if not event.HasField("heartbeat")]


def sequences(events: list) -> list[int]:
    return [event.sequence for event in without_beats(events)]


async def watched(rpc: Rpc, job_id: UUID, **fields: int) -> list:
    return without_beats(await rpc.parts("Watch", id=job_id, **fields))


async def test_past_and_live_events_come_in_order_and_the_stream_ends_with_ok(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.transcribe_chunks(alice.owner_id, job_id, 0)
    call = alice.rpc("Watch", id=job_id)
    first = await take(call, 3)
    assert names(first) == [*FIRST, "chunk_transcribed"]
    await pipeline.transcribe_chunks(alice.owner_id, job_id, 1)
    await pipeline.end(alice.owner_id, job_id)
    last = await rest(call)
    assert names(without_beats(last)) == ["chunk_transcribed", "job_completed"]
    assert sequences(first + last) == await stored(pipeline, alice.owner_id, job_id)
    assert await call.code() is grpc.StatusCode.OK


async def test_an_event_has_the_fields_of_the_server_sent_event(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    owned = Owned(job_id, alice.owner_id)
    async with pipeline.outbox.transaction() as transaction:
        chunk = ChunkTranscribed(
            job_id=str(job_id), chunk_index=3, start_s=1.5, end_s=2.5, text="Grüße", language="de", done_s=1, total_s=9
        )
        transaction.event(owned, chunk)
    await pipeline.end(alice.owner_id, job_id)
    async with following(alice, job_id) as stream:
        expected = await rest_of_sse(stream)
    found = await watched(alice.rpc, job_id)
    assert [each.sequence for each in found] == [each.id for each in expected]
    assert names(found) == [each.type.replace("-", "_") for each in expected]
    for event, sent in zip(found, expected, strict=True):
        message = getattr(event, event.WhichOneof("event"))
        for field in message.DESCRIPTOR.fields:
            value = getattr(message, field.name)
            if field.enum_type is not None:
                value = field.enum_type.values_by_number[value].name.rpartition("_")[2].lower()
            assert value == sent.data[field.name], field.name


async def test_a_client_that_reconnects_at_any_point_receives_every_event_once(alice: Client, pipeline: Pipeline):
    """While events are published, clients reconnect after every possible number of events, some of them repeatedly."""
    job_id, count = await pipeline.job(alice.owner_id), 30

    async def publish() -> None:
        for index in range(count):
            await pipeline.transcribe_chunks(alice.owner_id, job_id, index)
            await asyncio.sleep(random.uniform(0, 0.01))
        await pipeline.end(alice.owner_id, job_id)

    async def cut_after(lengths: list[int]) -> list[int]:
        sent: list[int] = []
        for length in lengths:
            call = _after(alice.rpc, job_id, sent)
            goal = len(sent) + length
            while len(sent) < goal:
                sent += sequences(await take(call, 1))
            call.cancel()
        return sent + sequences(await rest(_after(alice.rpc, job_id, sent)))

    cuts = [[], *([length] for length in range(1, count + 1)), [1] * 12, [7] * 4]
    publishing = asyncio.create_task(publish())
    results = await asyncio.gather(*map(cut_after, cuts))
    await publishing
    expected = await stored(pipeline, alice.owner_id, job_id)
    assert len(expected) == count + 3
    for sent in results:
        assert sent == expected


def _after(rpc: Rpc, job_id: UUID, sent: list[int]):
    return rpc("Watch", id=job_id, **({"after_sequence": sent[-1]} if sent else {}))


async def test_more_events_than_a_page_are_all_replayed(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.transcribe_chunks(alice.owner_id, job_id, *range(600))
    await pipeline.end(alice.owner_id, job_id)
    assert sequences(await watched(alice.rpc, job_id)) == await stored(pipeline, alice.owner_id, job_id)


async def test_nothing_comes_after_the_last_event_of_an_ended_job(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.end(alice.owner_id, job_id)
    *_, last = await stored(pipeline, alice.owner_id, job_id)
    assert await watched(alice.rpc, job_id, after_sequence=last) == []


@pytest.mark.parametrize("beyond", [999_999_999, 2**63, 2**64 - 1])
async def test_a_sequence_beyond_the_stream_starts_from_the_beginning(alice: Client, pipeline: Pipeline, beyond: int):
    job_id = await pipeline.job(alice.owner_id)
    call = alice.rpc("Watch", id=job_id, after_sequence=beyond)
    assert names(await take(call, 2)) == FIRST
    call.cancel()


async def test_the_events_of_a_retried_job_continue_after_its_failure(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    owned = Owned(job_id, alice.owner_id)
    async with pipeline.outbox.transaction() as transaction:
        transaction.event(owned, JobFailed(job_id=str(job_id), code="model_away", message="Try again."))
        transaction.event(owned, StageChanged(job_id=str(job_id), stage="prepare", state="queued"))
    call = alice.rpc("Watch", id=job_id)
    sent = await take(call, 4)
    await pipeline.end(alice.owner_id, job_id)
    sent += await rest(call)
    assert names(without_beats(sent)) == [*FIRST, "job_failed", "stage_changed", "job_completed"]


@pytest.mark.parametrize(("final", "name"), [(JobCancelled, "job_cancelled"), (JobDeleted, "job_deleted")])
async def test_a_cancelled_and_a_deleted_job_end_the_stream(alice: Client, pipeline: Pipeline, final: type, name: str):
    job_id = await pipeline.job(alice.owner_id)
    call = alice.rpc("Watch", id=job_id)
    await take(call, 2)
    async with pipeline.outbox.transaction() as transaction:
        await transaction.connection.execute("DELETE FROM jobs WHERE id = $1", job_id)
        transaction.event(Owned(job_id, alice.owner_id), final(job_id=str(job_id)))
    assert names(without_beats(await rest(call))) == [name]


async def test_heartbeats_have_no_sequence_and_keep_a_silent_stream_alive(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    call = alice.rpc("Watch", id=job_id)
    *_, beat, again = await take(call, 4)
    assert [(each.WhichOneof("event"), each.sequence) for each in (beat, again)] == [("heartbeat", 0)] * 2
    call.cancel()


async def test_a_stopping_replica_sends_its_clients_elsewhere_where_they_get_the_rest_once(start):
    async with start() as other:
        async with start() as first:
            user = await first.user()
            job_id = await first.pipeline.job(user.owner_id)
            call = user.rpc("Watch", id=job_id)
            before = await take(call, 2)
            ending = asyncio.create_task(_to_its_end(call))
        events, error = await ending
        assert (error.code, error.reason, error.retry_after_s) == ("UNAVAILABLE", "unavailable", 1)
        before += events
        await other.pipeline.transcribe_chunks(user.owner_id, job_id, 0, 1)
        await other.pipeline.end(user.owner_id, job_id)
        rpc = await other.rpc(user.key)
        after = await watched(rpc, job_id, after_sequence=max(sequences(before)))
        assert sequences(before + after) == await stored(other.pipeline, user.owner_id, job_id)


async def _to_its_end(call) -> tuple[list, Failure]:
    events = []
    try:
        while True:
            events += await take(call, 1)
    except grpc.aio.AioRpcError as error:
        return events, failure_of(error)


async def test_a_client_that_goes_away_frees_its_place(service: Service, alice: Client, pipeline: Pipeline):
    job_id, hub = await pipeline.job(alice.owner_id), service.dependencies.hub
    calls = [alice.rpc("Watch", id=job_id) for _ in range(3)]
    for call in calls:
        await take(call, 2)
    assert hub._streams[str(alice.owner_id)] == 3
    for call in calls:
        call.cancel()
    await eventually_async(lambda: not hub._streams and not hub._listeners, 5)


async def test_one_owner_cannot_take_all_streams(start):
    async with start(max_event_streams=2) as service:
        alice, bob = await service.user(), await service.user()
        mine, theirs = await service.pipeline.job(alice.owner_id), await service.pipeline.job(bob.owner_id)
        open_calls = [alice.rpc("Watch", id=mine) for _ in range(2)]
        for call in open_calls:
            await take(call, 2)
        refused = await failure(alice.rpc("Watch", id=mine))
        assert (refused.code, refused.reason, refused.retry_after_s) == ("RESOURCE_EXHAUSTED", "too_many_streams", 5)
        assert (await alice.get(f"/v1/transcriptions/{mine}/events")).status_code == 429
        open_calls.append(bob.rpc("Watch", id=theirs))
        await take(open_calls[-1], 2)
        for call in open_calls:
            call.cancel()


async def test_a_client_that_does_not_read_is_cut_off_and_delays_nobody(start):
    async with start(event_queue_length=4) as service:
        user, pipeline = await service.user(), service.pipeline
        job_id = await pipeline.job(user.owner_id)
        slow, quick = user.rpc("Watch", id=job_id, timeout_s=120), await service.rpc(user.key)
        sent = await take(slow, 2)
        fast = quick("Watch", id=job_id, timeout_s=120)
        received: list = []
        reading = asyncio.create_task(_read_into(fast, received))
        listeners, index = pipeline.dependencies.hub._listeners, 0
        await eventually_async(lambda: len(sequences(received)) == 2)
        async with asyncio.timeout(60):
            while len(listeners.get((str(user.owner_id), str(job_id)), ())) > 1:
                await _publish_large_event(pipeline, user.owner_id, job_id, index)
                index += 1
                await eventually_async(lambda: len(sequences(received)) == index + 2)  # noqa: B023 - awaited at once
        events, error = await _to_its_end(slow)
        assert (error.code, error.retry_after_s) == ("UNAVAILABLE", 1)
        sent += events
        await pipeline.end(user.owner_id, job_id)
        await reading
        expected = await stored(pipeline, user.owner_id, job_id)
        assert sequences(received) == expected
        assert len(sequences(sent)) < len(expected)
        after = await watched(user.rpc, job_id, after_sequence=max(sequences(sent)))
        assert sequences(sent + after) == expected


async def _read_into(call, received: list) -> None:
    while (event := await call.read()) is not grpc.aio.EOF:
        received.append(event)


async def _publish_large_event(pipeline: Pipeline, owner_id: UUID, job_id: UUID, index: int) -> None:
    async with pipeline.outbox.transaction() as transaction:
        event = ChunkTranscribed(job_id=str(job_id), chunk_index=index, text="word " * 50_000)
        transaction.event(Owned(job_id, owner_id), event)


async def test_events_of_other_owners_are_not_sent(alice: Client, bob: Client, pipeline: Pipeline):
    mine = await pipeline.job(alice.owner_id)
    error = await failure(bob.rpc("Watch", id=mine))
    assert (error.code, error.reason) == ("NOT_FOUND", "not_found")
    call = alice.rpc("Watch", id=mine)
    await take(call, 2)
    await pipeline.transcribe_chunks(bob.owner_id, mine, 4)
    await pipeline.end(alice.owner_id, mine)
    assert names(without_beats(await rest(call))) == ["job_completed"]
