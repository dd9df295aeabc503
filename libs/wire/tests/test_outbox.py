"""A change of state and its messages: all or nothing, and each message once."""

from uuid import uuid4

import pytest
from structlog.testing import capture_logs
from support.eventually import eventually_async
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.messaging.outbox import Outbox, Owned
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.v1.commands_pb2 import PrepareRecording
from voicepipe_wire.v1.events_pb2 import JobCancelled, StageProgressed


class FailingBroker:
    """A broker that becomes unavailable after it stored `stores` messages; with `broken`, only for subjects that begin like that."""

    def __init__(self, jetstream, stores: int = 0, broken: str = "") -> None:
        self._jetstream = jetstream
        self._left = stores
        self._broken = broken

    async def publish(self, subject, payload, headers) -> int:
        if self._broken and not subject.startswith(self._broken):
            return await self._jetstream.publish(subject, payload, headers)
        if self._left <= 0:
            raise Unavailable(Dependency.BROKER, "unavailable")
        self._left -= 1
        return await self._jetstream.publish(subject, payload, headers)

    async def send(self, *_, **__) -> None:
        raise Unavailable(Dependency.BROKER, "unavailable")


async def change_state(outbox, *, fails: bool = False):
    job_id = uuid4()
    async with outbox.transaction() as transaction:
        transaction.command(
            Queue("prepare"), "standard", PrepareRecording(job_id=str(job_id)), job_id=job_id, owner_id=None
        )
        transaction.event(Owned(job_id, uuid4()), JobCancelled(job_id=str(job_id)))
        await transaction.connection.execute("INSERT INTO users (name) VALUES ($1)", str(job_id))
        if fails:
            raise RuntimeError("changed my mind")
    return job_id


async def counts(jetstream) -> tuple[int, int]:
    work = (await jetstream.context.stream_info("WORK")).state.messages
    return work, (await jetstream.context.stream_info("EVENTS")).state.messages


async def test_messages_are_published_after_the_commit(pool, jetstream):
    await change_state(Outbox(pool, jetstream, "test"))
    assert await counts(jetstream) == (1, 1)
    rows = await pool.fetch("SELECT work, stream_seq FROM outbox")
    assert [(row["work"], row["stream_seq"]) for row in rows] == [("prepare", 1)]


class RecordingBroker:
    def __init__(self) -> None:
        self.subjects = []

    async def publish(self, subject, _payload, _headers) -> int:
        self.subjects.append(subject.partition(".")[0])
        return len(self.subjects)


async def test_events_are_published_before_the_command_that_a_worker_may_start_at_once(pool):
    broker = RecordingBroker()
    await change_state(Outbox(pool, broker, "test"))
    assert broker.subjects == ["events", "work"]


async def test_a_rolled_back_change_publishes_nothing(pool, jetstream):
    with pytest.raises(RuntimeError):
        await change_state(Outbox(pool, jetstream, "test"), fails=True)
    assert await counts(jetstream) == (0, 0)
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 0


async def test_an_unavailable_broker_loses_nothing(pool, jetstream):
    await change_state(Outbox(pool, FailingBroker(jetstream), "test"))
    assert await counts(jetstream) == (0, 0)
    assert await Outbox(pool, jetstream, "test").relay(older_than_s=0) == 2
    assert await counts(jetstream) == (1, 1)
    assert await Outbox(pool, jetstream, "test").relay(older_than_s=0) == 0


async def test_a_crash_between_publishing_and_marking_publishes_nothing_twice(pool, jetstream):
    await change_state(Outbox(pool, jetstream, "test"))
    await pool.execute("UPDATE outbox SET published_at = NULL, stream_seq = NULL")
    await Outbox(pool, jetstream, "test").relay(older_than_s=0)
    assert (await counts(jetstream))[0] == 1
    assert await pool.fetchval("SELECT stream_seq FROM outbox") == 1


async def test_a_message_stored_before_the_broker_died_is_not_relayed_again(pool, jetstream):
    await change_state(Outbox(pool, FailingBroker(jetstream, stores=1), "test"))
    assert await Outbox(pool, jetstream, "test").relay(older_than_s=0) == 1
    assert await counts(jetstream) == (1, 1)


async def test_commands_are_published_although_events_cannot_be_stored(pool, jetstream):
    broken = Outbox(pool, FailingBroker(jetstream, broken="events"), "test")
    await change_state(broken)
    assert await counts(jetstream) == (1, 0)


async def test_however_many_events_cannot_be_stored_the_relay_publishes_commands(pool, jetstream):
    nothing = Outbox(pool, FailingBroker(jetstream), "test")
    for _ in range(6):
        await change_state(nothing)
    broken = Outbox(pool, FailingBroker(jetstream, broken="events"), "test")
    assert await broken.relay(older_than_s=-1, limit=5) == 5
    assert await broken.relay(older_than_s=-1, limit=5) == 1
    assert await counts(jetstream) == (6, 0)
    assert await Outbox(pool, jetstream, "test").relay(older_than_s=-1) == 6
    assert await counts(jetstream) == (6, 6)


async def test_progress_is_sent_after_the_commit_and_leaves_nothing_in_the_outbox(pool, jetstream):
    owned = Owned(uuid4(), uuid4())
    async with Outbox(pool, jetstream, "test").transaction() as transaction:
        transaction.progress(owned, StageProgressed(job_id=str(owned.id), stage="prepare", done_s=1.0, total_s=2.0))
        assert await counts(jetstream) == (0, 0)
    await eventually_async(lambda: _has_counts(jetstream, (0, 1)))
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 0


async def test_progress_that_cannot_be_sent_is_nobodys_error(pool, jetstream):
    owned = Owned(uuid4(), uuid4())
    async with Outbox(pool, FailingBroker(jetstream), "test").transaction() as transaction:
        transaction.progress(owned, StageProgressed(job_id=str(owned.id), stage="prepare"))
    assert await counts(jetstream) == (0, 0)


async def _has_counts(jetstream, wanted) -> bool:
    return await counts(jetstream) == wanted


async def test_a_message_that_the_broker_cannot_take_holds_up_no_other(pool, jetstream):
    nothing = Outbox(pool, FailingBroker(jetstream), "test")
    await change_state(nothing)
    await pool.execute(
        "UPDATE outbox SET payload = $1 WHERE work IS NOT NULL", bytes(2 << 20)
    )  # larger than NATS accepts
    await change_state(nothing)
    with capture_logs() as logs:
        await Outbox(pool, jetstream, "test").relay(older_than_s=-1)
    assert await counts(jetstream) == (1, 2)
    assert [log["event"] for log in logs if log["log_level"] == "error"] == [
        "bug while publishing a message, it stays in the outbox"
    ]
