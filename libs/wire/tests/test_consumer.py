"""Delivery of commands, on a real NATS server."""

import asyncio
import errno
from dataclasses import replace
from uuid import uuid4

import asyncpg
import nats.errors
import pytest
from command_worker import DELIVERY, QUEUE, Handler, send, working
from nats.js.errors import NotFoundError
from support.eventually import eventually_async
from voicepipe_wire.errors import Dependency, Reject, Unavailable
from voicepipe_wire.messaging import consumer
from voicepipe_wire.messaging.consumer import Worker
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.patience import retry_delay_s
from voicepipe_wire.messaging.subjects import DLQ, EVENTS, WORK, Priority, Queue
from voicepipe_wire.v1.commands_pb2 import CancelJob, PrepareRecording


def away(retry_after_s: float) -> Unavailable:
    return Unavailable(Dependency.OBJECT_STORE, "away", retry_after_s=retry_after_s)


async def queue_empties(jetstream) -> None:
    """The server processes an ack a moment after it is sent."""

    async def is_empty() -> bool:
        return (await jetstream.context.stream_info(WORK)).state.messages == 0

    await eventually_async(is_empty)


async def test_a_handled_command_leaves_the_queue(pool, jetstream):
    handler = Handler()
    async with working(pool, jetstream, handler):
        await send(pool, jetstream, "a")
        await eventually_async(lambda: handler.seen == ["a"])
    await queue_empties(jetstream)


async def test_an_outage_spends_no_delivery_and_keeps_the_message_in_flight(pool, jetstream):
    """For longer than ack_wait_s, and more often than max_deliver."""
    handler = Handler(*(away(0.5) for _ in range(5)))
    async with working(pool, jetstream, handler):
        await send(pool, jetstream, "a")
        await eventually_async(lambda: len(handler.seen) == 6)
        await asyncio.sleep(1.5)
    assert handler.seen == ["a"] * 6
    await queue_empties(jetstream)
    assert not handler.dead_lettered


async def test_long_work_is_not_redelivered(pool, jetstream):
    async def long() -> None:
        await asyncio.sleep(2.5)

    handler = Handler(long)
    async with working(pool, jetstream, handler, concurrency=4):
        await send(pool, jetstream, "a")
        await asyncio.sleep(3)
    assert handler.seen == ["a"]


async def test_a_rejected_command_becomes_a_dead_letter_at_once(pool, jetstream):
    handler = Handler(Reject("not_audio", "No audio."))
    async with working(pool, jetstream, handler):
        await send(pool, jetstream, "a")
        await eventually_async(lambda: handler.dead_lettered == [("a", "not_audio")])
    entry = await jetstream.context.get_last_msg(DLQ, "dlq.prepare")
    assert entry.headers["vp-code"] == "not_audio"
    assert entry.headers["vp-subject"] == "work.prepare.standard"
    assert PrepareRecording.FromString(entry.data).job_id == "a"
    await queue_empties(jetstream)


async def test_a_bug_is_retried_a_bounded_number_of_times(pool, jetstream):
    handler = Handler(*(RuntimeError("bug") for _ in range(10)))
    async with working(pool, jetstream, handler):
        await send(pool, jetstream, "a")
        await eventually_async(lambda: bool(handler.dead_lettered))
    assert len(handler.seen) == DELIVERY.max_deliver
    assert handler.dead_lettered == [("a", "internal_error")]
    entry = await jetstream.context.get_last_msg(DLQ, "dlq.prepare")
    assert entry.headers["vp-attempts"] == str(DELIVERY.max_deliver)
    await queue_empties(jetstream)


async def test_a_command_of_another_stage_becomes_a_dead_letter(pool, jetstream):
    handler = Handler()
    async with working(pool, jetstream, handler):
        async with Outbox(pool, jetstream, "test").transaction() as transaction:
            transaction.command(QUEUE, Priority.STANDARD, CancelJob(job_id="x"), job_id=None, owner_id=None)
        await eventually_async(_has_dead_letters(jetstream))
    assert not handler.seen


def _has_dead_letters(jetstream):
    async def has_messages() -> bool:
        return bool((await jetstream.context.stream_info(DLQ)).state.messages)

    return has_messages


async def test_premium_is_served_first_and_standard_is_not_starved(pool, jetstream):
    for number in range(20):
        await send(pool, jetstream, f"standard {number}")
        await send(pool, jetstream, f"premium {number}", Priority.PREMIUM)
    handler = Handler()
    async with working(pool, jetstream, handler):
        await eventually_async(lambda: len(handler.seen) == 40)
    first = handler.seen[:20]
    assert sum(name.startswith("premium") for name in first) == 16
    assert sum(name.startswith("standard") for name in first) == 4


@pytest.mark.parametrize("deleted", ["consumer", "stream"])
async def test_a_deleted_consumer_or_stream_is_created_again(pool, jetstream, deleted):
    handler = Handler()
    async with working(pool, jetstream, handler) as worker:
        await send(pool, jetstream, "before")
        await eventually_async(lambda: handler.seen == ["before"])
        await queue_empties(jetstream)  # a message whose ack is lost with its consumer comes again
        if deleted == "consumer":
            await jetstream.context.delete_consumer(WORK, "prepare-standard")
        else:
            await jetstream.context.delete_stream(WORK)

        async def ready() -> bool:
            try:
                await worker.ready()
                await jetstream.context.consumer_info(WORK, "prepare-standard")
            except (ConnectionError, Unavailable, NotFoundError):
                return False
            return True

        await eventually_async(ready)
        await send(pool, jetstream, "after")
        await eventually_async(lambda: handler.seen == ["before", "after"])


async def test_commands_in_flight_are_finished_before_the_worker_stops(pool, jetstream):
    async def slow() -> None:
        await asyncio.sleep(1)
        handler.seen.append("done")

    handler = Handler(slow)
    async with working(pool, jetstream, handler):
        await send(pool, jetstream, "a")
        await eventually_async(lambda: handler.seen == ["a"])
    assert handler.seen == ["a", "done"]
    await queue_empties(jetstream)


async def test_worker_restarts_during_an_outage_spend_no_delivery(pool, jetstream):
    await send(pool, jetstream, "a")
    for _ in range(2 * DELIVERY.max_deliver):
        unavailable = Handler(*(away(0.1) for _ in range(100)))
        async with working(pool, jetstream, unavailable):
            await eventually_async(lambda unavailable=unavailable: unavailable.seen)
    recovered = Handler()
    async with working(pool, jetstream, recovered):
        await eventually_async(lambda: recovered.seen == ["a"])
    await queue_empties(jetstream)
    assert (unavailable.dead_lettered, recovered.dead_lettered) == ([], [])


async def test_dropping_a_missing_message_does_nothing(pool, jetstream):
    for name in ("a", "b", "c"):
        await send(pool, jetstream, name)
    first, last = 1, 3
    await jetstream.drop(WORK, last)
    await jetstream.drop(WORK, last)
    await jetstream.context.purge_stream(WORK)
    for sequence in (first, last, last + 1):
        await jetstream.drop(WORK, sequence)


async def test_purging_a_missing_stream_does_nothing(jetstream):
    await jetstream.context.delete_stream(EVENTS)
    await jetstream.purge(EVENTS, "events.owner.job.>")


def test_the_retry_delay_grows_and_is_bounded():
    assert 0.7 < retry_delay_s(1) < 1.3
    assert retry_delay_s(20) <= 75


async def test_a_handler_that_outlasts_the_grace_is_cancelled_and_its_command_handed_back_without_a_delivery(
    pool, jetstream
):
    cancelled = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    await send(pool, jetstream, "a")
    for _ in range(2 * DELIVERY.max_deliver):
        cancelled.clear()
        slow = Handler(endless)
        async with working(pool, jetstream, slow, grace_s=0.1):
            await eventually_async(lambda slow=slow: slow.seen)
        assert cancelled.is_set()
    recovered = Handler()
    async with working(pool, jetstream, recovered):
        await eventually_async(lambda: recovered.seen == ["a"], 5)
    await queue_empties(jetstream)
    assert (slow.dead_lettered, recovered.dead_lettered) == ([], [])


async def test_a_command_is_handed_back_though_its_cancelled_handler_does_not_end(pool, jetstream, monkeypatch):
    monkeypatch.setattr(consumer, "CANCELLATION_S", 0.1)
    may_end = asyncio.Event()

    async def lingering() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await may_end.wait()

    await send(pool, jetstream, "a")
    stuck, recovered = Handler(lingering), Handler()
    async with working(pool, jetstream, stuck, grace_s=0.1) as worker:
        await eventually_async(lambda: stuck.seen)
        worker._out_of_time.set()
        async with working(pool, jetstream, recovered):
            await eventually_async(lambda: recovered.seen == ["a"], 5)
        may_end.set()
    await queue_empties(jetstream)


async def test_a_command_that_was_handed_back_is_the_one_that_the_outbox_refers_to(pool, jetstream):
    await send(pool, jetstream, "a")
    before = await pool.fetchrow("SELECT id, stream_seq FROM outbox")
    unavailable = Handler(away(60))
    async with working(pool, jetstream, unavailable):
        await eventually_async(lambda: unavailable.seen)
    (row,) = await pool.fetch("SELECT id, stream_seq, work FROM outbox")
    assert row["id"] != before["id"]
    assert row["work"] == "prepare"
    message = await jetstream.find(WORK, row["stream_seq"])
    assert message.headers["Nats-Msg-Id"] == message.headers["ce-id"] == str(row["id"])
    await eventually_async(lambda: _is_gone(jetstream, before["stream_seq"]))


async def test_a_command_that_waits_for_too_long_goes_back_to_the_queue_and_frees_its_slot(pool, jetstream):
    """The worker has one slot. The command returns as a new message, with all its deliveries, once it is due."""
    impatient = replace(DELIVERY, wait_s=0.3, put_back_delay_s=30.0)
    handler = Handler(*(away(0.1) for _ in range(100)))
    noted = []

    async def note(stage, command, outage) -> None:
        noted.append((stage, command.job_id, outage.dependency))

    await send(pool, jetstream, "waits")
    async with working(pool, jetstream, handler, delivery=impatient, on_waiting=note):
        await eventually_async(lambda: _unpublished(pool))
        handler.outcomes.clear()
        await send(pool, jetstream, "works")
        await eventually_async(lambda: handler.seen[-1] == "works")
        await queue_empties(jetstream)
        assert noted[-1] == ("prepare", "waits", "object store")
        assert await Outbox(pool, jetstream, "test").relay(older_than_s=0) == 0, "not before its time"
        await pool.execute("UPDATE outbox SET due_at = now() WHERE published_at IS NULL")
        await Outbox(pool, jetstream, "test").relay(older_than_s=-1)
        await eventually_async(lambda: handler.seen[-1] == "waits")
    await queue_empties(jetstream)
    assert not handler.dead_lettered


async def _unpublished(pool) -> bool:
    return bool(await pool.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL AND due_at > now()"))


async def test_a_command_that_cannot_be_put_back_keeps_its_slot_and_its_deliveries(pool, jetstream, monkeypatch):
    """PostgreSQL is away, and the command cannot be written into the outbox."""
    handler = Handler(*(Unavailable(Dependency.DATABASE, "away", retry_after_s=0.05) for _ in range(30)))

    async def fails(*_, **__) -> bool:
        raise Unavailable(Dependency.DATABASE, "away")

    await send(pool, jetstream, "a")
    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "publish_again", fails)
        async with working(pool, jetstream, handler, delivery=replace(DELIVERY, wait_s=0.2)):
            await eventually_async(lambda: len(handler.seen) == 31)
    assert handler.seen == ["a"] * 31
    await queue_empties(jetstream)
    assert not handler.dead_lettered


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        asyncpg.PostgresError.new({"C": "25006", "M": "read-only"}),
        nats.errors.NoServersError(),
        ExceptionGroup("two", [TimeoutError(), ConnectionResetError()]),
    ],
)
async def test_an_outage_that_no_adapter_names_spends_no_delivery_either(pool, jetstream, error):
    handler = Handler(error)
    async with working(pool, jetstream, handler):
        await send(pool, jetstream, "a")
        await eventually_async(lambda: handler.seen == ["a"] * 2)
    await queue_empties(jetstream)
    assert not handler.dead_lettered


async def test_a_stale_copy_of_a_command_that_was_put_back_is_dropped(pool, jetstream):
    await send(pool, jetstream, "a")
    await pool.execute("DELETE FROM outbox")  # as if a newer message had taken its place
    handler = Handler(*(away(60) for _ in range(2)))
    async with working(pool, jetstream, handler, grace_s=0):
        await eventually_async(lambda: handler.seen)
    await queue_empties(jetstream)
    assert handler.seen == ["a"]


async def _is_gone(jetstream, sequence) -> bool:
    return await jetstream.find(WORK, sequence) is None


async def test_a_worker_that_may_not_pull_leaves_commands_to_others(pool, jetstream):
    closed, handler = Handler(), Handler()
    async with working(pool, jetstream, closed, may_pull=lambda: False):
        await send(pool, jetstream, "a")
        async with working(pool, jetstream, handler):
            await eventually_async(lambda: handler.seen == ["a"])
    assert closed.seen == []


async def test_a_worker_handles_the_commands_of_its_pool_only(pool, jetstream):
    handler, queue = Handler(), Queue("prepare", "fast")
    async with Outbox(pool, jetstream, "test").transaction() as transaction:
        for name, where in (("own", queue), ("other", Queue("prepare", "accurate")), ("none", QUEUE)):
            transaction.command(where, Priority.STANDARD, PrepareRecording(job_id=name), job_id=uuid4(), owner_id=None)
    worker = Worker(
        jetstream, Outbox(pool, jetstream, "test"), queue, {PrepareRecording: handler}, handler.on_dead_lettered
    )
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    await eventually_async(lambda: handler.seen == ["own"])
    stop.set()
    await task
    assert (await jetstream.context.stream_info(WORK)).state.messages == 2


def _recording(update_stream, names):
    async def recorded(config):
        names.append(config.name)
        return await update_stream(config)

    return recorded


async def test_streams_keep_what_an_operator_has_set_on_them(jetstream, monkeypatch):
    config = (await jetstream.context.stream_info(WORK)).config
    await jetstream.context.update_stream(replace(config, max_bytes=1 << 30, subjects=["work.prepare.*"]))
    updated = []
    monkeypatch.setattr(jetstream.context, "update_stream", _recording(jetstream.context.update_stream, updated))
    await jetstream.ensure_streams()
    assert updated == [WORK]
    after = (await jetstream.context.stream_info(WORK)).config
    assert (after.max_bytes, after.subjects) == (1 << 30, ["work.>"])
