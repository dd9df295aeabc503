"""Recordings through all workers, on real servers."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from fixtures.meeting import compose, silence
from fixtures.score import wer
from support.eventually import eventually_async
from voicepipe_orchestrator import pools
from voicepipe_orchestrator.prepare.decoder_process import DecodeLimits
from voicepipe_orchestrator.prepare.handler import PrepareHandler
from voicepipe_orchestrator.prepare.vad import load_detector
from voicepipe_wire.jobs.claim import claim
from voicepipe_wire.storage.objects import ObjectMissing
from voicepipe_wire.v1.commands_pb2 import DiarizeAgain, PrepareRecording, RetryJob
from worker_pipeline import ALL, events_of, send_control, wav, words_of


async def test_a_recording_is_transcribed(pipeline, meeting):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(meeting))
    job = await pipeline.end_of(job_id)
    assert job.state == "completed", await pipeline.error_code(job_id)
    document = await pipeline.transcript(job_id)
    spoken = " ".join(word.text for word in meeting.words)
    assert wer(spoken, document["text"]) <= 0.05
    assert document["language"] == "en"
    assert document["duration_s"] == pytest.approx(len(meeting.samples) / 16_000, abs=0.01)
    types = await events_of(pipeline, job_id)
    assert types[-1] == "job-completed"
    assert types.count("job-completed") == 1
    assert "chunk-transcribed" in types


async def test_a_clip_of_one_chunk_gets_its_language_from_its_recognition(pipeline):
    pipeline.start(*ALL)
    job = await pipeline.end_of(await pipeline.submit(wav(compose(10, ["linda"], seed=8))))
    assert (job.state, job.language) == ("completed", "en")
    assert job.language_probability > 0.5
    assert (await pipeline.transcript(job.id))["language"] == "en"


async def test_silence_completes_with_an_empty_transcript(pipeline):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(silence(5)))
    assert (await pipeline.end_of(job_id)).state == "completed"
    assert (await pipeline.transcript(job_id))["text"] == ""


async def test_pcm_is_deleted_after_the_job_has_ended(pipeline, meeting):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(meeting))
    key = (await pipeline.until(job_id, lambda job: job.pcm_key)).pcm_key
    await pipeline.end_of(job_id)
    await pipeline.until(job_id, lambda job: job.pcm_key is None)  # from now on nobody relies on it

    async def is_deleted():
        try:
            return not await pipeline.store.size_bytes(key)
        except ObjectMissing:
            return True

    await eventually_async(is_deleted)


def prepare_handler(pipeline):
    store, outbox, scratch_dir = pipeline.store, pipeline.outbox, pipeline.settings.scratch_dir
    return PrepareHandler(pipeline.pool, outbox, store, load_detector(), scratch_dir, DecodeLimits(), speakers=True)


async def test_a_job_that_is_deleted_after_it_was_claimed_is_left_alone(pipeline, meeting, monkeypatch):
    job_id = await pipeline.submit(wav(meeting))
    job = await pipeline.job(job_id)

    async def claim_and_delete(outbox, ref):
        claimed = await claim(outbox, ref)
        async with pipeline.pool.acquire() as connection, connection.transaction():
            await connection.execute("DELETE FROM jobs WHERE id = $1", job_id)
            await connection.execute("DELETE FROM recordings WHERE id = $1", job.recording_id)
        return claimed

    monkeypatch.setattr("voicepipe_orchestrator.prepare.handler.claim", claim_and_delete)
    await prepare_handler(pipeline).handle(PrepareRecording(job_id=str(job_id), owner_id=str(job.owner_id)))
    assert await pipeline.pool.fetchval("SELECT count(*) FROM jobs WHERE id = $1", job_id) == 0


async def test_the_slower_of_two_prepare_workers_does_not_delete_the_pcm_of_the_faster(pipeline, meeting, monkeypatch):
    pipeline.start("prepare")
    job_id = await pipeline.submit(wav(meeting))
    job = await pipeline.until(job_id, lambda job: job.state == "transcribing")
    await pipeline.stop("prepare")
    # As if its heartbeats were lost: the slower worker starts before the faster one finishes.
    await pipeline.pool.execute("UPDATE stages SET state = 'running' WHERE job_id = $1 AND stage = 'prepare'", job_id)
    held, opened, open_now = asyncio.Event(), asyncio.Event(), pipeline.store.open

    @asynccontextmanager
    async def open_later(key):
        held.set()
        await opened.wait()
        async with open_now(key) as blocks:
            yield blocks

    monkeypatch.setattr(pipeline.store, "open", open_later)
    ref = prepare_handler(pipeline)
    slower = asyncio.create_task(ref.handle(PrepareRecording(job_id=str(job_id), owner_id=str(job.owner_id))))
    await held.wait()
    await pipeline.pool.execute("UPDATE stages SET state = 'done' WHERE job_id = $1 AND stage = 'prepare'", job_id)
    opened.set()
    await slower
    assert (await pipeline.job(job_id)).pcm_key == job.pcm_key
    assert await pipeline.store.size_bytes(job.pcm_key) > 0


async def test_four_transcribe_workers_give_the_same_transcript_as_one(pipeline, long_meeting):
    pipeline.start(*ALL)
    one = await pipeline.submit(wav(long_meeting))
    await pipeline.end_of(one, 120)
    pipeline.start("transcribe2", "transcribe3", "transcribe4", "prepare2", "assemble2")
    four = await pipeline.submit(wav(long_meeting))
    await pipeline.end_of(four, 120)
    documents = [await pipeline.transcript(job_id) for job_id in (one, four)]
    assert documents[0]["segments"] == documents[1]["segments"]
    assert len(words_of(documents[0])) > 100


async def test_a_file_without_audio_fails_the_job_and_is_dead_lettered(pipeline):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(b"these are words, not sounds. " * 200)
    assert (await pipeline.end_of(job_id)).state == "failed"
    assert await pipeline.error_code(job_id) == "not_audio"
    entry = await pipeline.jetstream.context.get_last_msg("DLQ", "dlq.prepare")
    assert entry.headers["vp-code"] == "not_audio"
    assert (await events_of(pipeline, job_id))[-1] == "job-failed"


async def test_a_job_with_diarization_completes_with_a_warning_if_there_is_no_diarizer(pipeline, meeting):
    pipeline.start(*ALL, speakers=False)
    job_id = await pipeline.submit(wav(meeting), diarize=True)
    job = await pipeline.end_of(job_id)
    assert job.state == "completed"
    assert [warning["code"] for warning in job.warnings] == ["speakers_unavailable"]
    assert [warning["code"] for warning in (await pipeline.transcript(job_id))["warnings"]] == ["speakers_unavailable"]


async def test_a_job_waits_for_an_unavailable_model_and_then_completes(pipeline, meeting, private_triton):
    address, server = private_triton()
    server.kill()
    pipeline.start("prepare", "assemble", "controller")
    pipeline.start("transcribe", triton_url=address)
    job_id = await pipeline.submit(wav(meeting))
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    await asyncio.sleep(4)  # longer than ack_wait: the command must not be redelivered or dead-lettered meanwhile
    assert (await pipeline.job(job_id)).state == "transcribing"
    server.start()
    assert (await pipeline.end_of(job_id)).state == "completed"


async def test_a_pool_that_knows_one_language_lets_another_detect_that_of_a_recording(pipeline, meeting, monkeypatch):
    found = pools.load_all

    async def one_knows_only_english(connection):
        known = await found(connection)
        return {name: replace(pool, languages=("en",)) if name == "fast" else pool for name, pool in known.items()}

    monkeypatch.setattr(pools, "load_all", one_knows_only_english)
    pipeline.start("prepare", "assemble", "controller", "transcribe")
    pipeline.start("transcribe2", pool="fast")
    await eventually_async(lambda: _are_ready(pipeline, "accurate", "fast"))
    job = await pipeline.end_of(await pipeline.submit(wav(meeting), model={"name": "fast", "tier": "fast"}))
    assert (job.state, job.language, job.warnings) == ("completed", "en", ())
    assert job.language_probability > 0.5


async def test_without_a_pool_that_detects_languages_the_only_one_is_assumed(pipeline, meeting, monkeypatch):
    found = pools.load_all

    async def only_english(connection):
        return {name: replace(pool, languages=("en",)) for name, pool in (await found(connection)).items()}

    monkeypatch.setattr(pools, "load_all", only_english)
    pipeline.start(*ALL)
    await eventually_async(lambda: _are_ready(pipeline, "accurate"))
    job = await pipeline.end_of(await pipeline.submit(wav(meeting)))
    assert (job.state, job.language) == ("completed", "en")
    assert [warning["code"] for warning in job.warnings] == ["language_assumed"]


async def _are_ready(pipeline, *names) -> bool:
    known = await pools.load_all(pipeline.pool)
    return all(name in known and known[name].is_ready for name in names)


async def test_a_job_for_a_pool_that_is_gone_fails_and_one_for_a_declared_pool_waits(pipeline, meeting):
    pipeline.start("prepare", "assemble")
    pipeline.start("controller", pools="asleep")
    gone = await pipeline.submit(wav(meeting), model={"name": "gone", "tier": "fast"})
    waits = await pipeline.submit(wav(meeting), model={"name": "asleep", "tier": "fast"})
    assert (await pipeline.end_of(gone)).state == "failed"
    assert await pipeline.error_code(gone) == "model_gone"
    assert (await pipeline.until(waits, lambda job: job.state == "transcribing")).pool == "asleep"
    await asyncio.sleep(2)
    assert (await pipeline.job(waits)).state == "transcribing"


async def test_a_transcript_names_the_models_that_its_words_are_of(pipeline, long_meeting):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(long_meeting))
    await pipeline.end_of(job_id)
    served = await pipeline.pool.fetchval("SELECT description FROM models")
    document = await pipeline.transcript(job_id)
    assert [model["revision"] for model in document["models"]] == [served["revision"]]
    assert document["models"] == [document["model"]]
    # As if an earlier model had recognized all but one chunk.
    await pipeline.pool.execute("""UPDATE chunks SET transcribed_by = transcribed_by || '{"revision": "earlier"}'""")
    await pipeline.pool.execute(
        "UPDATE chunks SET state = 'failed', recognition = NULL, error_code = 'bad_audio' WHERE chunk_index = 0"
    )
    await send_control(pipeline, RetryJob(job_id=str(job_id)))
    second = await eventually_async(lambda: pipeline.transcript(job_id, 2), 60)
    assert second["model"]["revision"] == "earlier"
    assert [model["revision"] for model in second["models"]] == ["earlier", served["revision"]]


async def test_a_diarization_that_is_repeated_claims_no_newer_model_for_old_words(pipeline, meeting):
    pipeline.start(*ALL, speakers=False)
    job_id = await pipeline.submit(wav(meeting))
    await pipeline.end_of(job_id)
    await pipeline.pool.execute(
        "UPDATE chunks SET transcribed_by = NULL"
    )  # recognized by an earlier version of the worker
    await send_control(pipeline, DiarizeAgain(job_id=str(job_id)))
    second = await eventually_async(lambda: pipeline.transcript(job_id, 2), 60)
    assert second["model"]["revision"] == "unknown"
