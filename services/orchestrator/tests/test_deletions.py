"""What deleted jobs leave outside of PostgreSQL goes too, on real servers."""

from uuid import uuid4

import pytest
from support.eventually import eventually_async
from voicepipe_orchestrator.controller.deletions import FAILING, Deletions
from voicepipe_wire.changes import deletion
from voicepipe_wire.jobs import jobs
from voicepipe_wire.storage.objects import ObjectMissing
from voicepipe_wire.v1.commands_pb2 import DeleteJob
from worker_pipeline import ALL, events_of, send_control, wav


async def test_a_deleted_job_leaves_nothing_behind(pipeline, meeting):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(meeting))
    pcm_key = (await pipeline.until(job_id, lambda job: job.pcm_key)).pcm_key
    await pipeline.end_of(job_id)
    key = await pipeline.pool.fetchval("SELECT object_key FROM recordings WHERE id = $1", job_id)
    await send_control(pipeline, DeleteJob(job_id=str(job_id)))
    await eventually_async(lambda: pipeline.pool.fetchval("SELECT count(*) = 1 FROM deletions WHERE due_at > now()"))
    left = await pipeline.pool.fetchval(
        "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM recordings) + (SELECT count(*) FROM stages)"
        " + (SELECT count(*) FROM chunks) + (SELECT count(*) FROM transcripts)"
    )
    assert left == 0
    for deleted_key in (key, pcm_key):
        with pytest.raises(ObjectMissing):
            await pipeline.store.size_bytes(deleted_key)
    assert await events_of(pipeline, job_id) == ["job-deleted"]


async def deleted_job(pipeline) -> str:
    """A job that was deleted; returns the key of its recording, which is still stored."""
    job_id = await pipeline.submit(b"sounds")
    key = await pipeline.pool.fetchval("SELECT object_key FROM recordings WHERE id = $1", job_id)
    async with pipeline.outbox.transaction() as transaction:
        await deletion.delete(transaction, await jobs.lock(transaction.connection, job_id))
    return key


async def is_stored(pipeline, key: str) -> bool:
    try:
        await pipeline.store.size_bytes(key)
    except ObjectMissing:
        return False
    return True


async def test_an_object_that_cannot_be_deleted_delays_no_other_and_is_tried_again(pipeline, monkeypatch):
    first, second = await deleted_job(pipeline), await deleted_job(pipeline)
    deletions = Deletions(pipeline.pool, pipeline.store, pipeline.jetstream)
    delete_under = pipeline.store.delete_under

    async def refuses_first(prefix):
        if prefix == first:
            raise PermissionError("not yours")
        await delete_under(prefix)

    with monkeypatch.context() as refusing:
        refusing.setattr(pipeline.store, "delete_under", refuses_first)
        with pytest.raises(ExceptionGroup, match="1 jobs"):
            await deletions.work_off()
        assert (await is_stored(pipeline, first), await is_stored(pipeline, second)) == (True, False)
        assert FAILING._value.get() == 1
        await deletions.work_off()  # not yet: it waits longer each time
    await pipeline.pool.execute("UPDATE deletions SET due_at = now() WHERE failures > 0")
    await deletions.work_off()
    assert not await is_stored(pipeline, first)
    assert FAILING._value.get() == 0


async def test_what_a_worker_stored_after_the_deletion_goes_too(pipeline):
    key = await deleted_job(pipeline)
    deletions = Deletions(pipeline.pool, pipeline.store, pipeline.jetstream)
    await deletions.work_off()
    await pipeline.store.put(key + ".tail", b"late")
    await pipeline.pool.execute("UPDATE deletions SET created_at = created_at - interval '2 min', due_at = now()")
    await deletions.work_off()
    assert not await is_stored(pipeline, key + ".tail")
    assert await pipeline.pool.fetchval("SELECT count(*) FROM deletions") == 0


async def test_commands_of_a_deleted_job_are_dropped_but_none_that_took_their_sequence(pipeline):
    await deleted_job(pipeline)
    kept = await pipeline.submit(b"sounds")
    sequence = await pipeline.pool.fetchval("SELECT stream_seq FROM outbox WHERE job_id = $1", kept)
    # As if the stream had been recreated: another command has the sequence that the row names.
    await pipeline.pool.execute(
        "UPDATE deletions SET commands = commands || jsonb_build_object($1::text, $2::bigint)", str(uuid4()), sequence
    )
    await Deletions(pipeline.pool, pipeline.store, pipeline.jetstream).work_off()
    info = await pipeline.jetstream.context.stream_info("WORK")
    assert (info.state.messages, info.state.last_seq) == (1, sequence)
