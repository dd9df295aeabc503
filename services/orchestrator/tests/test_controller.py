"""Control commands and the periodic tasks of the controller, on real servers."""

import asyncio
from unittest.mock import AsyncMock

import pytest
from support.eventually import eventually_async
from voicepipe_orchestrator.controller.loop import _every
from voicepipe_orchestrator.controller.sweep import Sweeper
from voicepipe_orchestrator.pcm_store import ObjectStorePcm, delete_pcm
from voicepipe_orchestrator.transcribe.handler import ChunkHandler, StartHandler
from voicepipe_wire.changes.reopening import retry
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.claim import MAX_ATTEMPTS
from voicepipe_wire.jobs.stages import cancel
from voicepipe_wire.messaging.broker import Delivery
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.storage.objects import ObjectMissing
from voicepipe_wire.v1.commands_pb2 import (
    CancelJob,
    DiscardDeadLetter,
    RedriveDeadLetter,
    RetryJob,
    StartTranscription,
    TranscribeChunk,
)
from worker_pipeline import ALL, events_of, send_control, wav, words_of


async def chunk_states(pipeline, job_id) -> list[str]:
    rows = await pipeline.pool.fetch("SELECT state FROM chunks WHERE job_id = $1 ORDER BY chunk_index", job_id)
    return [row["state"] for row in rows]


async def test_a_cancelled_job_starts_no_further_chunk(pipeline, long_meeting):
    pipeline.start("prepare", "assemble", "controller")
    job_id = await pipeline.submit(wav(long_meeting))
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    await send_control(pipeline, CancelJob(job_id=str(job_id)))
    assert (await pipeline.end_of(job_id)).state == "cancelled"
    pipeline.start("transcribe")
    await asyncio.sleep(2)
    assert "done" not in await chunk_states(pipeline, job_id)
    assert (await events_of(pipeline, job_id))[-1] == "job-cancelled"


async def test_a_cancelled_job_can_be_retried_and_completes(pipeline, long_meeting):
    pipeline.start("prepare", "controller")
    job_id = await pipeline.submit(wav(long_meeting))
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    await send_control(pipeline, CancelJob(job_id=str(job_id)))
    await pipeline.end_of(job_id)
    pipeline.start("transcribe", "assemble")
    await send_control(pipeline, RetryJob(job_id=str(job_id)))
    await pipeline.until(job_id, lambda job: job.state == "completed", 90)
    assert len(words_of(await pipeline.transcript(job_id))) > 100


async def test_a_failed_chunk_is_a_gap_that_a_redrive_fills(pipeline, long_meeting):
    pipeline.start("prepare", "controller")
    job_id = await pipeline.submit(wav(long_meeting))
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    # No worker has it yet: make the first chunk one that the model rejects.
    split = await pipeline.pool.fetchval(
        "UPDATE chunks SET spans = '[[0, 800000]]' WHERE job_id = $1 AND chunk_index = 0 RETURNING spans", job_id
    )
    assert split
    pipeline.start("transcribe", "assemble")
    job = await pipeline.end_of(job_id, 90)
    assert job.state == "completed"
    first = await pipeline.transcript(job_id)
    assert [gap["code"] for gap in first["gaps"]] == ["audio_too_long"]
    assert "part_missing" in [warning["code"] for warning in job.warnings]
    entry = await pipeline.jetstream.context.get_last_msg("DLQ", "dlq.transcribe")
    done = await pipeline.pool.fetch(
        "SELECT chunk_index, finished_at FROM chunks WHERE state = 'done' ORDER BY chunk_index"
    )
    # The chunk is planned anew because its audio must be decoded anew.
    await pipeline.until(job_id, lambda job: job.pcm_key is None)
    await send_control(pipeline, RedriveDeadLetter(sequence=entry.seq))
    await pipeline.until(job_id, lambda job: job.state != "completed", 30)
    await pipeline.until(job_id, lambda job: job.state == "completed", 90)
    second = await pipeline.transcript(job_id, 2)
    assert second["version"] == 2
    assert not second["gaps"]
    assert "part_missing" not in [warning["code"] for warning in second["warnings"]]
    assert len(words_of(second)) > len(words_of(first))
    assert done


async def test_a_job_is_decoded_again_if_the_deletion_of_its_decoded_audio_was_interrupted(
    pipeline, long_meeting, monkeypatch
):
    pipeline.start("prepare", "controller")
    job_id = await pipeline.submit(wav(long_meeting))
    job = await pipeline.until(job_id, lambda job: job.state == "transcribing")
    async with pipeline.outbox.transaction() as transaction:
        await jobs.save(transaction, job, cancel(job.stages))
    with monkeypatch.context() as dying:
        dying.setattr(jobs, "clear_pcm_key", AsyncMock(side_effect=ConnectionResetError))
        with pytest.raises(ConnectionResetError):
            await delete_pcm(pipeline.pool, pipeline.store, job_id)
    with pytest.raises(ObjectMissing):
        await pipeline.store.size_bytes(job.pcm_key)
    async with pipeline.outbox.transaction() as transaction:
        assert await retry(transaction, await jobs.lock(transaction.connection, job_id))
    pipeline.start("transcribe", "assemble")
    assert (await pipeline.end_of(job_id, 90)).state == "completed"
    document = await pipeline.transcript(job_id)
    assert not document["gaps"]
    assert len(words_of(document)) > 100


class CancelledMeanwhile(ObjectStorePcm):
    """The job is cancelled, and its decoded audio deleted, just before it is read."""

    def __init__(self, pipeline, job_id):
        super().__init__(pipeline.store)
        self._pipeline, self._job_id = pipeline, job_id

    async def read(self, key, spans):
        async with self._pipeline.outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, self._job_id)
            await jobs.save(transaction, job, cancel(job.stages))
        await delete_pcm(self._pipeline.pool, self._pipeline.store, self._job_id)
        return await super().read(key, spans)


@pytest.mark.parametrize("command", [StartTranscription, TranscribeChunk])
async def test_a_command_whose_job_is_cancelled_before_it_reads_the_audio_ends_without_an_error(
    pipeline, long_meeting, command
):
    pipeline.start("prepare")
    job_id = await pipeline.submit(wav(long_meeting))
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    pcm = CancelledMeanwhile(pipeline, job_id)
    if command is TranscribeChunk:
        await pipeline.pool.execute(
            "UPDATE stages SET state = 'running' WHERE job_id = $1 AND stage = 'transcribe'", job_id
        )
        await pipeline.pool.execute("UPDATE chunks SET state = 'queued' WHERE job_id = $1 AND chunk_index = 0", job_id)
        handler = ChunkHandler(pipeline.pool, pipeline.outbox, pcm, AsyncMock(), 1, dict)
    else:
        handler = StartHandler(pipeline.pool, pipeline.outbox, pcm, AsyncMock(), 1, "accurate")
    await handler.handle(command(job_id=str(job_id), owner_id=str(pipeline.owner_id)))
    assert (await pipeline.job(job_id)).state == "cancelled"


async def test_work_that_is_purged_from_the_queue_is_requeued(pipeline, long_meeting):
    pipeline.start("prepare", "controller")
    job_id = await pipeline.submit(wav(long_meeting))
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    await pipeline.jetstream.context.purge_stream("WORK")
    pipeline.start("transcribe", "assemble")
    assert (await pipeline.end_of(job_id, 90)).state == "completed"


async def both_lost(pipeline, meeting, exhausted: str):
    """A job whose `transcribe` and `diarize` run and are lost, one of them for the last time; returns its id after a sweep."""
    pipeline.start("prepare")
    job_id = await pipeline.submit(wav(meeting), diarize=True)
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    await pipeline.pool.execute(
        "UPDATE stages SET state = 'running', attempts = CASE WHEN stage = $3 THEN $2 ELSE 1 END"
        " WHERE job_id = $1 AND stage IN ('transcribe', 'diarize')",
        job_id,
        MAX_ATTEMPTS,
        exhausted,
    )
    await long_ago(pipeline, job_id)
    await pipeline.jetstream.context.purge_stream("WORK")
    assert await Sweeper(pipeline.pool, pipeline.outbox, pipeline.jetstream, 1.0).sweep() == 1
    return job_id


async def long_ago(pipeline, job_id) -> None:
    await pipeline.pool.execute("UPDATE jobs SET changed_at = now() - interval '1 hour' WHERE id = $1", job_id)


async def test_a_job_that_one_lost_stage_fails_is_not_reopened_by_another(pipeline, meeting):
    job_id = await both_lost(pipeline, meeting, "transcribe")
    assert (await pipeline.job(job_id)).state == "failed"
    assert await pipeline.error_code(job_id) == "worker_lost"
    assert await pipeline.pool.fetchval("SELECT finished_at IS NOT NULL FROM jobs WHERE id = $1", job_id)


async def test_a_job_whose_diarizer_is_lost_too_often_gets_its_words(pipeline, meeting):
    job_id = await both_lost(pipeline, meeting, "diarize")
    pipeline.start("transcribe", "assemble")
    job = await pipeline.end_of(job_id, 90)
    assert job.state == "completed"
    assert [warning["code"] for warning in job.warnings] == ["speakers_failed"]


async def test_a_lost_start_of_a_stage_is_sent_again_beside_chunks_of_an_earlier_attempt(pipeline, long_meeting):
    pipeline.start("prepare")
    job_id = await pipeline.submit(wav(long_meeting))
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    await pipeline.pool.execute("UPDATE chunks SET state = 'queued' WHERE job_id = $1 AND chunk_index < 2", job_id)
    await long_ago(pipeline, job_id)
    await pipeline.jetstream.context.purge_stream("WORK")
    assert await Sweeper(pipeline.pool, pipeline.outbox, pipeline.jetstream, 1.0).sweep() == 1
    pipeline.start("transcribe", "assemble")
    assert (await pipeline.end_of(job_id, 90)).state == "completed"


async def test_a_deleted_stream_is_recreated_and_the_job_completes(pipeline, long_meeting):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(long_meeting))
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    await pipeline.jetstream.context.delete_stream("WORK")
    assert (await pipeline.end_of(job_id, 90)).state == "completed"


async def test_a_command_that_kills_every_worker_fails_its_job_and_is_dead_lettered(pipeline, meeting):
    pipeline.start("controller")
    job_id = await pipeline.submit(wav(meeting))
    delivery = Delivery(ack_wait_s=0.5, max_deliver=pipeline.settings.max_deliver)
    await pipeline.jetstream.ensure_consumer(Queue("prepare"), "standard", delivery)
    pulling = asyncio.create_task(pull_and_die(pipeline))
    job = await pipeline.end_of(job_id, 30)
    pulling.cancel()
    assert job.state == "failed"
    assert await pipeline.error_code(job_id) == "worker_lost"
    entry = await pipeline.jetstream.context.get_last_msg("DLQ", "dlq.prepare")
    assert entry.headers["vp-attempts"] == str(pipeline.settings.max_deliver)
    await is_empty(pipeline, "WORK")  # the command is dropped last


async def is_empty(pipeline, stream: str) -> None:
    async def empty() -> bool:
        return (await pipeline.jetstream.context.stream_info(stream)).state.messages == 0

    await eventually_async(empty, 10)


async def pull_and_die(pipeline) -> None:
    """Pull commands and never ack them, as a process that dies."""
    while True:
        subject = "$JS.API.CONSUMER.MSG.NEXT.WORK.prepare-standard"
        await pipeline.jetstream.client.request(subject, b'{"batch": 1, "no_wait": true}', timeout=5, old_style=True)
        await asyncio.sleep(0.1)


async def test_a_discarded_dead_letter_is_deleted(pipeline):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(b"these are words, not sounds. " * 200)
    await pipeline.end_of(job_id)
    entry = await pipeline.jetstream.context.get_last_msg("DLQ", "dlq.prepare")
    await send_control(pipeline, DiscardDeadLetter(sequence=entry.seq))
    await is_empty(pipeline, "DLQ")


async def test_two_redrives_of_one_dead_letter_at_once_run_its_job_once(pipeline):
    pipeline.start("prepare", "controller")
    job_id = await pipeline.submit(b"these are words, not sounds. " * 200)
    await pipeline.end_of(job_id)
    entry = await pipeline.jetstream.context.get_last_msg("DLQ", "dlq.prepare")
    command = RedriveDeadLetter(sequence=entry.seq)
    await asyncio.gather(send_control(pipeline, command), send_control(pipeline, command))

    async def has_failed_again() -> bool:
        return (await events_of(pipeline, job_id)).count("job-failed") > 1

    await eventually_async(has_failed_again, 30)
    await is_empty(pipeline, "WORK")
    assert (await events_of(pipeline, job_id)).count("job-failed") == 2
    left = (await pipeline.jetstream.context.stream_info("DLQ")).state
    assert (left.messages, left.last_seq) == (1, entry.seq + 1)


async def test_a_finished_chunk_is_never_transcribed_again(pipeline, long_meeting):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(long_meeting))
    job = await pipeline.end_of(job_id, 90)
    before = await pipeline.pool.fetch("SELECT finished_at FROM chunks WHERE job_id = $1 ORDER BY chunk_index", job_id)
    async with pipeline.outbox.transaction() as transaction:
        again = TranscribeChunk(job_id=str(job_id), owner_id=str(job.owner_id), chunk_index=0)
        queue = Queue("transcribe", job.pool)
        transaction.command(queue, "standard", again, job_id=job_id, owner_id=job.owner_id, work="transcribe/0")
    await asyncio.sleep(1)
    after = await pipeline.pool.fetch("SELECT finished_at FROM chunks WHERE job_id = $1 ORDER BY chunk_index", job_id)
    assert before == after
    assert (await pipeline.jetstream.context.stream_info("WORK")).state.messages == 0


async def test_a_periodic_task_that_fails_is_tried_again_and_stops_no_other():
    calls, stop = {"broken": 0, "fine": 0}, asyncio.Event()

    async def broken():
        calls["broken"] += 1
        raise ValueError("a bug")

    async def fine():
        calls["fine"] += 1

    tasks = [asyncio.create_task(_every(0.01, act, stop)) for act in (broken, fine)]
    await eventually_async(lambda: min(calls.values()) >= 3)
    stop.set()
    await asyncio.gather(*tasks)
