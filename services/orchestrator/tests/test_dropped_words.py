"""A chunk whose words were invented is finished without words; the rule is stored, and its seconds are counted."""

import pytest
from fixtures.meeting import compose
from prometheus_client import REGISTRY
from voicepipe_orchestrator import chunks
from voicepipe_orchestrator.domain import Recognition, Word
from voicepipe_orchestrator.pcm_store import ObjectStorePcm
from voicepipe_orchestrator.transcribe.handler import ChunkHandler, StartHandler
from voicepipe_wire.v1.commands_pb2 import StartTranscription, TranscribeChunk
from worker_pipeline import wav


class Inventive:
    """A model that gives every sound the same words, and considers speech unlikely."""

    async def recognize(self, _audio, _request):
        words = (Word(0.0, 0.5, "Thank", 0.4), Word(0.5, 1.0, "you.", 0.4))
        return Recognition("Thank you.", words, "en", -0.6, 0.9, 0.6, truncated=False, languages={"en": 1.0})


def dropped_s():
    return REGISTRY.get_sample_value("voicepipe_dropped_seconds_total", {"rule": "known_invention"})


async def test_a_chunk_whose_words_were_invented_is_done_without_words(pipeline):
    job_id = await pipeline.submit(wav(compose(6, ["linda"], seed=8)), language="en")
    pipeline.start("prepare")
    await pipeline.until(job_id, lambda job: job.state == "transcribing")
    before_s = dropped_s()
    built = (pipeline.pool, pipeline.outbox, ObjectStorePcm(pipeline.store), Inventive(), 16)
    await StartHandler(*built, "accurate").handle(StartTranscription(job_id=str(job_id)))
    await ChunkHandler(*built, dict).handle(TranscribeChunk(job_id=str(job_id), chunk_index=0))
    chunk = await chunks.load(pipeline.pool, job_id, 0)
    assert (chunk.state, chunk.recognition.words, chunk.recognition.text) == ("done", (), "")
    assert chunk.recognition.dropped == "known_invention"
    assert dropped_s() - before_s == pytest.approx(chunk.plan.speech_s)


async def test_a_recognition_that_a_later_version_wrote_is_read_without_its_new_fields(pipeline):
    job_id = await pipeline.submit(wav(compose(6, ["linda"], seed=8)))
    pipeline.start("prepare", "transcribe")
    await pipeline.until(job_id, lambda job: job.state == "assembling")
    before = (await chunks.load(pipeline.pool, job_id, 0)).recognition
    await pipeline.pool.execute("""UPDATE chunks SET recognition = recognition || '{"mood": "calm"}'""")
    assert (await chunks.load(pipeline.pool, job_id, 0)).recognition == before
    assert before.words
