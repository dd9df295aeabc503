"""Nothing that one row, one message or one outage does ends a task of the controller, or keeps it from the rest."""

import asyncio
import json
from collections import Counter

import pytest
from support.eventually import eventually_async
from voicepipe_orchestrator import chunks
from voicepipe_orchestrator.controller.advisories import Advisories
from voicepipe_orchestrator.controller.diarization_deadline import DiarizationDeadline
from voicepipe_orchestrator.controller.missing_pools import MissingPools
from voicepipe_orchestrator.controller.retention import Retention
from voicepipe_orchestrator.controller.rows import FIRST_REST_S, GIVE_UP_AFTER, LONGEST_REST_S, ROWS_FAILED, Rows
from voicepipe_orchestrator.controller.sweep import Sweeper
from voicepipe_orchestrator.dead_letters import DeadLetterPolicy
from voicepipe_wire.jobs import jobs, warnings
from voicepipe_wire.jobs.stages import Stage
from voicepipe_wire.watchdog import TASK_FAILURES

ADVISORY = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.WORK.test"


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def failed(task: str) -> float:
    return ROWS_FAILED.labels(task)._value.get()


async def submitted(pipeline, count: int, **options) -> list:
    """Jobs that wait for `prepare`, and have not changed for an hour."""
    ids = [await pipeline.submit(b"no audio", **options) for _ in range(count)]
    await pipeline.pool.execute("UPDATE jobs SET changed_at = now() - interval '1 hour'")
    return ids


@pytest.fixture
def refusing(monkeypatch):
    """Make a function fail for one id, which is an argument of it or the id of one."""

    def refuse(module, name: str, refused) -> None:
        real = getattr(module, name)

        async def maybe(*arguments, **more):
            if refused in [getattr(each, "id", each) for each in arguments]:
                raise RuntimeError("this row is broken")
            return await real(*arguments, **more)

        monkeypatch.setattr(module, name, maybe)

    return refuse


async def test_rows_that_fail_rest_for_longer_and_longer_and_stop_no_other():
    clock, tried = Clock(), Counter()
    rows = Rows("test", clock)

    async def act(row):
        tried[row["id"]] += 1
        if row["id"] == "broken":
            raise ValueError(row)
        return row["id"]

    found = [{"id": name} for name in ("first", "broken", "last")]
    assert await rows.each(found, act) == ["first", "last"]
    assert rows.resting == ["broken"]
    await rows.each(found, act)
    assert tried["broken"] == 1
    for rest_s in (FIRST_REST_S, 2 * FIRST_REST_S, *[LONGEST_REST_S] * 9):
        clock.now_s += rest_s
        await rows.each(found, act)
    assert tried["broken"] == 12
    clock.now_s += LONGEST_REST_S - 1
    assert rows.resting == ["broken"]


async def test_a_row_that_succeeds_again_starts_afresh():
    clock, broken = Clock(), [True]
    rows = Rows("test", clock)

    async def act(_row):
        if broken[0]:
            raise ValueError

    for is_broken in (True, True, False, True):
        broken[0] = is_broken
        await rows.each([{"id": 1}], act)
        clock.now_s += 2 * FIRST_REST_S
    clock.now_s -= FIRST_REST_S
    assert rows.resting == []


async def test_a_pass_ends_after_many_failures_in_a_row_and_the_next_begins_with_others():
    tried = []
    rows = Rows("test", Clock())

    async def act(row):
        tried.append(row["id"])
        raise ConnectionError

    found = [{"id": number} for number in range(2 * GIVE_UP_AFTER)]
    for _ in range(2):
        with pytest.raises(ExceptionGroup, match="in a row"):
            await rows.each(found, act)
    assert tried == list(range(2 * GIVE_UP_AFTER))


async def test_uploads_that_can_never_be_deleted_starve_no_other(pipeline, monkeypatch):
    insert = (
        "INSERT INTO uploads (id, owner_id, name, media_type, options, object_key, expires_at)"
        " SELECT gen_random_uuid(), $1, 'a.wav', 'audio/wav', '{}', $2 || number, now() - make_interval(secs => $3)"
        " FROM generate_series(1, $4) number"
    )
    await pipeline.pool.execute(insert, pipeline.owner_id, "audio/never", 3600.0, 120)
    await pipeline.pool.execute(insert, pipeline.owner_id, "audio/fine", 1.0, 1)
    delete_under = pipeline.store.delete_under

    async def refuse(prefix):
        if prefix.startswith("audio/never"):
            raise PermissionError("not yours")
        await delete_under(prefix)

    monkeypatch.setattr(pipeline.store, "delete_under", refuse)
    retention = Retention(pipeline.pool, pipeline.store, 60)
    for _ in range(120 // GIVE_UP_AFTER):
        with pytest.raises(ExceptionGroup):
            await retention.apply()
    await retention.apply()
    assert await pipeline.pool.fetchval("SELECT count(*) FROM uploads WHERE object_key LIKE 'audio/fine%'") == 0
    assert await pipeline.pool.fetchval("SELECT count(*) FROM uploads WHERE object_key LIKE 'audio/never%'") == 120


async def test_one_job_that_cannot_be_swept_stops_no_other(pipeline, refusing):
    first, second = await submitted(pipeline, 2)
    await pipeline.jetstream.context.purge_stream("WORK")
    refusing(chunks, "queued_indices", first)
    before = failed("sweep")
    assert await Sweeper(pipeline.pool, pipeline.outbox, pipeline.jetstream, 1.0).sweep() == 1
    assert failed("sweep") == before + 1
    rows = await pipeline.pool.fetch("SELECT id FROM jobs WHERE checked_at IS NOT NULL")
    assert [row["id"] for row in rows] == [second]


async def test_one_job_whose_diarization_cannot_be_skipped_stops_no_other(pipeline, refusing):
    first, second = await submitted(pipeline, 2, diarize=True)
    await pipeline.pool.execute(
        "UPDATE stages SET state = CASE stage WHEN 'prepare' THEN 'done' WHEN 'transcribe' THEN 'done' ELSE 'queued' END,"
        " finished_at = CASE WHEN stage = 'transcribe' THEN now() - interval '1 day' END"
        " WHERE stage IN ('prepare', 'transcribe', 'diarize')"
    )
    refusing(warnings, "skip_diarization", first)
    await DiarizationDeadline(pipeline.pool, pipeline.outbox, 0.0).enforce()
    assert (await pipeline.job(first)).stages[Stage.DIARIZE] == "queued"
    assert (await pipeline.job(second)).stages[Stage.DIARIZE] == "skipped"


async def test_one_job_of_a_missing_pool_that_cannot_fail_stops_no_other(pipeline, refusing):
    first, second = await submitted(pipeline, 2, model={"name": "gone", "tier": "gone"})
    await pipeline.pool.execute(
        "UPDATE stages SET state = CASE stage WHEN 'prepare' THEN 'done' ELSE 'queued' END"
        " WHERE stage IN ('prepare', 'transcribe')"
    )
    refusing(jobs, "fail", first)
    await MissingPools(pipeline.pool, pipeline.outbox, (), 0.0).enforce()
    assert await pipeline.error_code(first) is None
    assert await pipeline.error_code(second) == "model_gone"


@pytest.mark.parametrize("data", [b"no json", b"[]", b"{}", b'{"stream_seq": "no number"}', b"\xff"])
async def test_an_advisory_that_cannot_be_read_stops_no_other(pipeline, data):
    (job_id,) = await submitted(pipeline, 1)
    command = await pipeline.jetstream.context.get_last_msg("WORK", "work.prepare.standard")
    stop, before = asyncio.Event(), TASK_FAILURES.labels("advisories")._value.get()
    advisories = Advisories(pipeline.jetstream, DeadLetterPolicy(pipeline.outbox, 16))
    listening = asyncio.create_task(advisories.listen(stop))
    await pipeline.jetstream.context.publish(ADVISORY, data)
    await pipeline.jetstream.context.publish(
        ADVISORY, json.dumps({"stream_seq": command.seq, "deliveries": 5}).encode()
    )
    await eventually_async(lambda: _has_failed(pipeline, job_id))
    stop.set()
    await listening
    assert TASK_FAILURES.labels("advisories")._value.get() == before + 1


async def test_an_advisory_whose_job_cannot_be_changed_stops_no_other(pipeline):
    first, second = await submitted(pipeline, 2)
    policy = DeadLetterPolicy(pipeline.outbox, 16)

    async def refuses_first(command, error):
        if command.job_id == str(first):
            raise KeyError("a bug")
        await policy(command, error)

    stop = asyncio.Event()
    listening = asyncio.create_task(Advisories(pipeline.jetstream, refuses_first).listen(stop))
    for sequence in (1, 2):
        body = json.dumps({"stream_seq": sequence, "deliveries": 5}).encode()
        await pipeline.jetstream.context.publish(ADVISORY, body)
    await eventually_async(lambda: _has_failed(pipeline, second))
    stop.set()
    await listening
    assert await pipeline.error_code(first) is None


async def test_two_sweepers_queue_lost_work_once(pipeline, monkeypatch):
    (job_id,) = await submitted(pipeline, 1)
    await pipeline.jetstream.context.purge_stream("WORK")
    looked, both_have_looked = [], asyncio.Event()
    lock = jobs.lock

    async def lock_after_both(connection, locked_id):
        looked.append(locked_id)
        if len(looked) == 2:
            both_have_looked.set()
        await both_have_looked.wait()
        return await lock(connection, locked_id)

    monkeypatch.setattr(jobs, "lock", lock_after_both)
    sweepers = [Sweeper(pipeline.pool, pipeline.outbox, pipeline.jetstream, 1.0) for _ in range(2)]
    assert sorted(await asyncio.gather(*(sweeper.sweep() for sweeper in sweepers))) == [0, 1]
    count = "SELECT count(*) FROM outbox WHERE job_id = $1 AND work = 'prepare'"
    assert await pipeline.pool.fetchval(count, job_id) == 2  # the lost one, and one more


async def test_work_that_was_queued_again_since_it_was_looked_for_is_not_lost(pipeline, monkeypatch):
    (job_id,) = await submitted(pipeline, 1)
    await pipeline.jetstream.context.purge_stream("WORK")
    find = pipeline.jetstream.find

    async def find_while_it_is_queued(stream, sequence):
        found = await find(stream, sequence)
        async with pipeline.outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, job_id)
            jobs.command(transaction, job, Stage.PREPARE)
        return found

    monkeypatch.setattr(pipeline.jetstream, "find", find_while_it_is_queued)
    assert await Sweeper(pipeline.pool, pipeline.outbox, pipeline.jetstream, 1.0).sweep() == 0


async def _has_failed(pipeline, job_id) -> bool:
    return await pipeline.error_code(job_id) == "worker_lost"
