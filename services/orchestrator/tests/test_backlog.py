"""The published backlog, on real servers."""

import asyncio
from itertools import pairwise
from uuid import uuid4

from support.eventually import eventually_async
from voicepipe_orchestrator.controller.backlog import STUCK, Backlog
from voicepipe_wire.messaging.subjects import BACKLOG, BACKLOG_SUBJECT, DLQ, dead_letter
from voicepipe_wire.v1.commands_pb2 import CancelJob
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot
from worker_pipeline import send_control, wav


async def snapshot(pipeline) -> BacklogSnapshot:
    message = await pipeline.jetstream.context.get_last_msg(BACKLOG, BACKLOG_SUBJECT)
    return BacklogSnapshot.FromString(message.data)


def queue(found: BacklogSnapshot, stage: str, pool: str = "", priority: str = "standard"):
    return next(one for one in found.queues if (one.stage, one.pool, one.priority) == (stage, pool, priority))


async def until(pipeline, condition) -> BacklogSnapshot:
    async def matching():
        found = await snapshot(pipeline)
        return found if condition(found) else None

    await eventually_async(lambda: pipeline.jetstream.message_count(BACKLOG))
    return await eventually_async(matching, 30)


async def test_audio_is_known_before_it_is_decoded_and_counted_until_it_is_done(pipeline, long_meeting):
    pipeline.start("controller")
    job_id = await pipeline.submit(wav(long_meeting), diarize=True)
    found = await until(pipeline, lambda one: queue(one, "prepare").pending == 1)
    words, speakers = queue(found, "transcribe", "accurate"), queue(found, "diarize")
    for waiting in (words, speakers):
        assert waiting.upstream_jobs == 1
        assert waiting.arriving_s > 0
        assert (waiting.queued_s, waiting.jobs) == (0, 0)

    pipeline.start("prepare")
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    job = await pipeline.job(job_id)
    found = await until(pipeline, lambda one: queue(one, "transcribe", "accurate").jobs == 1)
    words, speakers = queue(found, "transcribe", "accurate"), queue(found, "diarize")
    assert words.queued_s == job.speech_s
    assert speakers.queued_s == job.duration_s
    assert words.arriving_s == speakers.arriving_s == 0
    # No worker has ever connected: the commands wait all the same.
    assert (words.pending, speakers.pending) == (1, 1)

    pipeline.start("transcribe", "assemble")
    done_s, before = 0.0, found
    async with asyncio.timeout(90):
        while queue(before, "transcribe", "accurate").jobs:
            after = await until(pipeline, lambda one: one.at_s > before.at_s)  # noqa: B023 - awaited within the pass
            assert queue(after, "transcribe", "accurate").queued_s <= queue(before, "transcribe", "accurate").queued_s
            done_s += queue(after, "transcribe", "accurate").done_s_per_s * after.interval_s
            before = after
    assert abs(done_s - job.speech_s) < 0.01


async def test_a_cancelled_job_leaves_the_backlog_and_is_not_done(pipeline, long_meeting):
    pipeline.start("prepare", "controller")
    job_id = await pipeline.submit(wav(long_meeting))
    await until(pipeline, lambda one: queue(one, "transcribe", "accurate").jobs == 1)
    await send_control(pipeline, CancelJob(job_id=str(job_id)))
    found = await until(pipeline, lambda one: queue(one, "transcribe", "accurate").jobs == 0)
    assert queue(found, "transcribe", "accurate").done_s_per_s == 0


async def test_dead_letters_are_counted_by_stage_and_a_stage_without_any_has_none(pipeline):
    await pipeline.jetstream.purge(DLQ, dead_letter("*"))
    for number in range(2):
        await pipeline.jetstream.publish(dead_letter("prepare"), b"", {"Nats-Msg-Id": f"{uuid4()} {number}"})
    pipeline.start("controller")
    found = await until(pipeline, lambda one: one.dead_letters["prepare"] == 2)
    assert dict(found.dead_letters) == {"prepare": 2, "transcribe": 0, "diarize": 0, "assemble": 0, "control": 0}
    await pipeline.jetstream.purge(DLQ, dead_letter("*"))


async def test_every_queue_is_listed_although_nothing_waits(pipeline):
    pipeline.start("controller")
    found = await until(pipeline, lambda one: one.interval_s > 0)
    listed = [(one.stage, one.pool, one.priority) for one in found.queues]
    assert all(one < other for one, other in pairwise(listed))
    assert {(stage, pool) for stage, pool, _ in listed} == {
        ("assemble", ""), ("control", ""), ("diarize", ""), ("prepare", ""),
        ("transcribe", "accurate"), ("transcribe", "fast"),
    }  # fmt: skip
    assert all(one.queued_s == 0 and one.done_s_per_s == 0 for one in found.queues)


async def test_jobs_that_run_without_progress_and_wait_for_nothing_are_stuck(pipeline):
    ids = [await pipeline.submit(b"no audio") for _ in range(4)]
    await pipeline.pool.execute("UPDATE jobs SET changed_at = now() - interval '1 hour' WHERE id <> $1", ids[0])
    await pipeline.pool.execute("UPDATE stages SET state = 'running' WHERE stage = 'prepare' AND job_id <> $1", ids[1])
    await pipeline.pool.execute(
        "UPDATE stages SET waiting_for = 'object store', waiting_since = now() WHERE stage = 'prepare' AND job_id = $1",
        ids[2],
    )
    await Backlog(pipeline.pool, pipeline.jetstream, (), 16, 3600.0).publish()
    found = await snapshot(pipeline)
    assert dict(found.stuck_jobs) == {"prepare": 1, "transcribe": 0, "diarize": 0, "assemble": 0}
    assert STUCK.labels("prepare")._value.get() == 1
