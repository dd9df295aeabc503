"""Speakers in the pipeline, on real servers, with a fake diarizer that knows the correct turns."""

import asyncio
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from fixtures.meeting import compose
from fixtures.who_said import heard_in, stretches, wder
from support.eventually import eventually_async
from voicepipe_orchestrator.dead_letters import DeadLetterPolicy
from voicepipe_wire.changes.reopening import retry
from voicepipe_wire.changes.speakers import rename
from voicepipe_wire.jobs import diarizations, jobs
from voicepipe_wire.jobs.claim import StageRef, claim, lock_if_running
from voicepipe_wire.jobs.heartbeats import send_heartbeats
from voicepipe_wire.jobs.speaker_names import SpeakerOf
from voicepipe_wire.jobs.stages import Event, Stage, advance
from voicepipe_wire.messaging.broker import Delivery
from voicepipe_wire.messaging.consumer import Worker
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.transcript.turns import Diarization, DiarizedBy, Turn
from voicepipe_wire.v1.commands_pb2 import CancelJob, DiarizeAgain, DiarizeRecording, RedriveDeadLetter, RenameSpeaker
from worker_pipeline import ALL, events_of, send_control, wav, words_of


@pytest.fixture(scope="module")
def meeting():
    return compose(60, ["annie", "travis"], seed=8, longest_pause_s=1.0)


@asynccontextmanager
async def diarizer(pipeline, meeting, begin: asyncio.Event | None = None, fault: Exception | None = None):
    """A running diarizer. It finishes at once, or when `begin` is set; with `fault` it fails every time."""
    turns = tuple(Turn(*stretch) for stretch in stretches(meeting.words))

    async def handle(command: DiarizeRecording) -> None:
        ref = StageRef(UUID(command.job_id), Stage.DIARIZE)
        if await claim(pipeline.outbox, ref) is None:
            return
        if fault:
            raise fault
        if begin:
            await begin.wait()
        async with pipeline.outbox.transaction() as transaction:
            if job := await lock_if_running(transaction, ref):
                await diarizations.save(transaction, job, Diarization(turns, turns), DiarizedBy("truth", "1"))
                await jobs.save(transaction, job, advance(job.stages, Stage.DIARIZE, Event.FINISH))

    delivery = Delivery(ack_wait_s=2, max_deliver=2)
    worker = Worker(
        pipeline.jetstream,
        pipeline.outbox,
        Queue(Stage.DIARIZE),
        {DiarizeRecording: handle},
        DeadLetterPolicy(pipeline.outbox, 1),
        delivery=delivery,
    )
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(send_heartbeats(pipeline.pool, Stage.DIARIZE, stop)),
        asyncio.create_task(worker.run(stop)),
    ]
    try:
        await eventually_async(
            lambda: pipeline.pool.fetchval("SELECT count(*) > 0 FROM workers WHERE stage = 'diarize'")
        )
        yield
    finally:
        stop.set()
        if begin:
            begin.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)


async def codes_of(pipeline, job_id) -> list[str]:
    return [warning["code"] for warning in (await pipeline.job(job_id)).warnings]


async def chunk_times(pipeline, job_id):
    return await pipeline.pool.fetch("SELECT finished_at FROM chunks WHERE job_id = $1 ORDER BY chunk_index", job_id)


@pytest.mark.parametrize("last", ["words", "speakers"])
async def test_every_word_has_its_speaker_whichever_stage_ends_last(pipeline, meeting, last):
    begin = asyncio.Event()
    async with diarizer(pipeline, meeting, begin):
        pipeline.start("prepare", "assemble", "controller")
        job_id = await pipeline.submit(wav(meeting), diarize=True)
        if last == "words":
            begin.set()
            await pipeline.until(job_id, lambda job: job.stages[Stage.DIARIZE] == "done")
            pipeline.start("transcribe")
        else:
            pipeline.start("transcribe")
            await pipeline.until(job_id, lambda job: job.stages[Stage.TRANSCRIBE] == "done")
            assert (await pipeline.job(job_id)).state == "transcribing"
            begin.set()
        assert (await pipeline.end_of(job_id)).state == "completed"
    document = await pipeline.transcript(job_id)
    assert wder(meeting.words, heard_in(document)) <= 0.02
    assert [speaker["id"] for speaker in document["speakers"]] == ["speaker_1", "speaker_2"]
    assert document["segments"][0]["speaker"] == "speaker_1"
    assert document["diarization"] == {"name": "truth", "revision": "1"}
    assert {turn["speaker"] for turn in document["turns"]} == {"speaker_1", "speaker_2"}
    assert document["warnings"] == []


async def test_a_job_completes_without_speakers_if_the_diarizer_always_fails(pipeline, meeting):
    async with diarizer(pipeline, meeting, fault=ValueError("boom")):
        pipeline.start(*ALL)
        job_id = await pipeline.submit(wav(meeting), diarize=True)
        assert (await pipeline.end_of(job_id, 90)).state == "completed"
    assert await codes_of(pipeline, job_id) == ["speakers_failed"]
    assert "again" in (await pipeline.transcript(job_id))["warnings"][0]["message"]
    entry = await pipeline.jetstream.context.get_last_msg("DLQ", "dlq.diarize")
    assert entry.headers["vp-code"] == "internal_error"


async def test_a_job_completes_without_speakers_after_the_diarization_deadline(pipeline, meeting):
    short = compose(5, ["annie"], seed=1)
    async with diarizer(pipeline, short, asyncio.Event()):
        pipeline.start("prepare", "transcribe", "assemble")
        pipeline.start("controller", diarization_deadline_s=1.0)
        job_id = await pipeline.submit(wav(short), diarize=True)
        job = await pipeline.until(job_id, lambda job: job.stages[Stage.TRANSCRIBE] == "done")
        assert job.state == "transcribing"
        assert (await pipeline.end_of(job_id, 30)).state == "completed"
        assert await codes_of(pipeline, job_id) == ["speakers_late"]
        document = await pipeline.transcript(job_id)
    assert document["speakers"] == document["turns"] == []
    assert await pipeline.pool.fetchval("SELECT count(*) FROM diarizations") == 0


async def test_a_diarizer_that_starts_later_finds_the_waiting_command(pipeline, meeting):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(meeting), diarize=True)
    await pipeline.until(job_id, lambda job: job.stages[Stage.TRANSCRIBE] == "done")
    assert (await pipeline.job(job_id)).stages[Stage.DIARIZE] == "queued"
    async with diarizer(pipeline, meeting):
        assert (await pipeline.end_of(job_id, 90)).state == "completed"
    assert len((await pipeline.transcript(job_id))["speakers"]) == 2


async def test_diarizing_again_gives_a_new_version_with_the_same_words(pipeline, meeting):
    pipeline.start(*ALL, speakers=False)
    job_id = await pipeline.submit(wav(meeting), diarize=True)
    await pipeline.end_of(job_id)
    assert await codes_of(pipeline, job_id) == ["speakers_unavailable"]
    before = await chunk_times(pipeline, job_id)
    await pipeline.stop("prepare")
    pipeline.start("prepare")
    async with diarizer(pipeline, meeting):
        await send_control(pipeline, DiarizeAgain(job_id=str(job_id), min_speakers=2, max_speakers=3))
        await pipeline.until(job_id, lambda job: job.state != "completed")
        await pipeline.until(job_id, lambda job: job.state == "completed")
    first, second = await pipeline.transcript(job_id), await pipeline.transcript(job_id, 2)
    assert words_of(second) == words_of(first)
    assert await chunk_times(pipeline, job_id) == before
    assert (len(first["speakers"]), len(second["speakers"])) == (0, 2)
    assert wder(meeting.words, heard_in(second)) <= 0.02
    assert second["warnings"] == []
    options = (await pipeline.job(job_id)).options
    assert (options["diarize"], options["min_speakers"], options["max_speakers"]) == (True, 2, 3)


async def test_diarizing_again_without_a_diarizer_drops_the_previous_speakers(pipeline, meeting):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(meeting), diarize=True)
    async with diarizer(pipeline, meeting):
        await pipeline.end_of(job_id)
    assert len((await pipeline.transcript(job_id))["speakers"]) == 2
    await pipeline.stop("prepare")
    pipeline.start("prepare", speakers=False)
    await send_control(pipeline, DiarizeAgain(job_id=str(job_id), min_speakers=3))
    await pipeline.until(job_id, lambda job: job.state != "completed")
    await pipeline.until(job_id, lambda job: job.state == "completed")
    assert await codes_of(pipeline, job_id) == ["speakers_unavailable"]
    assert (await pipeline.transcript(job_id, 2))["speakers"] == []


async def test_redriving_a_failed_diarization_adds_the_speakers(pipeline, meeting):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(meeting), diarize=True)
    async with diarizer(pipeline, meeting, fault=RuntimeError("a bug")):
        await pipeline.end_of(job_id, 90)
    assert await codes_of(pipeline, job_id) == ["speakers_failed"]
    entry = await pipeline.jetstream.context.get_last_msg("DLQ", "dlq.diarize")
    async with diarizer(pipeline, meeting):
        await send_control(pipeline, RedriveDeadLetter(sequence=entry.seq))
        await pipeline.until(job_id, lambda job: job.state != "completed")
        await pipeline.until(job_id, lambda job: job.state == "completed")
    assert await codes_of(pipeline, job_id) == []
    assert len((await pipeline.transcript(job_id, 2))["speakers"]) == 2


async def test_filling_a_gap_keeps_the_speakers_and_their_names(pipeline, meeting):
    pipeline.start("prepare", "assemble", "controller")
    job_id = await pipeline.submit(wav(meeting), diarize=True, language="en")
    async with diarizer(pipeline, meeting):
        await pipeline.until(job_id, lambda job: job.stages[Stage.DIARIZE] == "done")
    # The model rejects the first chunk, which is longer than it may be. No diarizer runs from here on.
    await pipeline.pool.execute(
        "UPDATE chunks SET spans = '[[0, 800000]]' WHERE job_id = $1 AND chunk_index = 0", job_id
    )
    pipeline.start("transcribe")
    assert (await pipeline.end_of(job_id)).state == "completed"
    first = await pipeline.transcript(job_id)
    assert first["gaps"]
    # The chunk is planned anew because its audio must be decoded anew.
    await pipeline.until(job_id, lambda job: job.pcm_key is None)
    async with pipeline.outbox.transaction() as transaction:
        job = await jobs.lock(transaction.connection, job_id)
        for number, name in ((1, "Ada"), (2, "Grace")):
            assert await rename(transaction, job, SpeakerOf(1, f"speaker_{number}"), name)
        assert await retry(transaction, job)
    await pipeline.until(job_id, lambda job: job.state == "completed")
    second = await pipeline.transcript(job_id, 2)
    assert not second["gaps"]
    names = dict(
        await pipeline.pool.fetch("SELECT speaker, name FROM speaker_names WHERE job_id = $1 AND version = 2", job_id)
    )
    assert spoken_by(second, names) == spoken_by(first, {"speaker_1": "Ada", "speaker_2": "Grace"})


def spoken_by(document, names) -> list[tuple[float, str]]:
    return [(turn["start_s"], names[turn["speaker"]]) for turn in document["turns"]]


async def test_a_job_that_is_not_completed_is_not_diarized_again(pipeline, meeting):
    pipeline.start("controller")
    job_id = await pipeline.submit(wav(meeting))
    await send_control(pipeline, DiarizeAgain(job_id=str(job_id), min_speakers=2))
    await asyncio.sleep(1)
    assert (await pipeline.job(job_id)).options["diarize"] is False


async def test_a_name_belongs_to_one_speaker_of_one_version(pipeline, meeting):
    async with diarizer(pipeline, meeting):
        pipeline.start(*ALL)
        job_id = await pipeline.submit(wav(meeting), diarize=True)
        await pipeline.end_of(job_id)

    async def name(speaker, to, version=1):
        rename = RenameSpeaker(job_id=str(job_id), transcript_version=version, speaker=speaker, name=to)
        await send_control(pipeline, rename)

    async def names(expected):
        rows = []

        async def found() -> bool:
            rows[:] = await pipeline.pool.fetch(
                "SELECT version, speaker, name FROM speaker_names WHERE job_id = $1", job_id
            )
            return [tuple(row) for row in rows] == expected

        await eventually_async(found, about=lambda: rows)

    await name("speaker_9", "nobody")
    await name("speaker_1", "too late", version=7)
    await name("speaker_1", "Chair")
    await names([(1, "speaker_1", "Chair")])
    await name("speaker_1", "The chair")
    await names([(1, "speaker_1", "The chair")])
    assert (await events_of(pipeline, job_id))[-1] == "speaker-renamed"
    await name("speaker_1", "")
    await names([])


async def test_a_job_can_be_cancelled_during_diarization(pipeline, meeting):
    async with diarizer(pipeline, meeting, asyncio.Event()):
        pipeline.start(*ALL)
        job_id = await pipeline.submit(wav(meeting), diarize=True)
        await pipeline.until(job_id, lambda job: job.stages[Stage.TRANSCRIBE] == "done")
        await send_control(pipeline, CancelJob(job_id=str(job_id)))
        assert (await pipeline.end_of(job_id)).state == "cancelled"
    assert await pipeline.pool.fetchval("SELECT count(*) FROM diarizations") == 0
    assert await pipeline.pool.fetchval("SELECT count(*) FROM transcripts") == 0
