"""What a transcription waits for."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.jobs import jobs, waiting
from voicepipe_wire.jobs.stages import Event, Stage, advance
from voicepipe_wire.v1.commands_pb2 import PrepareRecording

from .conftest import Client, Pipeline

SEEN_NOW = "INSERT INTO workers (id, stage, version) VALUES (gen_random_uuid(), 'prepare', '1')"


async def waits_for(client: Client, job_id: object) -> tuple[str | None, bool]:
    """What it waits for, and whether it says since when; the same for the job and for its stage."""
    document = (await client.get(f"/v1/transcriptions/{job_id}")).json()
    (of_stage,) = {(stage["waiting_for"], stage["waiting_since"]) for stage in document["stages"][:1]}
    assert of_stage == (document["waiting_for"], document["waiting_since"])
    return document["waiting_for"], document["waiting_since"] is not None


async def note(pipeline: Pipeline, command: Message, dependency: Dependency) -> None:
    await waiting.noting_in(pipeline.pool)("prepare", command, Unavailable(dependency, "away"))


async def test_a_queued_transcription_waits_for_a_worker_until_there_is_one(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    assert await waits_for(alice, job_id) == ("worker", True)
    await pipeline.pool.execute(SEEN_NOW)
    assert await waits_for(alice, job_id) == (None, False)


async def test_words_wait_for_a_speech_model_while_no_worker_has_seen_it(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.stage(job_id, "prepare", state="done")
    await pipeline.stage(job_id, "transcribe", state="queued")
    of_job = (await alice.get(f"/v1/transcriptions/{job_id}")).json()
    assert of_job["waiting_for"] == "speech model"
    await pipeline.pool.execute("INSERT INTO models (name, description) VALUES ('accurate', '{}')")
    assert (await alice.get(f"/v1/transcriptions/{job_id}")).json()["waiting_for"] is None


async def test_it_says_what_its_worker_waits_for_until_there_is_progress(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.pool.execute(SEEN_NOW)
    command = PrepareRecording(job_id=str(job_id))
    await note(pipeline, command, Dependency.OBJECT_STORE)
    assert await waits_for(alice, job_id) == ("object store", True)
    async with pipeline.outbox.transaction() as transaction:
        job = await jobs.lock(transaction.connection, job_id)
        assert job is not None
        await jobs.save(transaction, job, advance(job.stages, Stage.PREPARE, Event.START))
    assert await waits_for(alice, job_id) == ("object store", True)  # it has only begun again
    async with pipeline.outbox.transaction() as transaction:
        await jobs.set_progress(transaction, job, Stage.PREPARE, 1.0, 2.0)
    assert await waits_for(alice, job_id) == (None, False)


async def test_the_time_is_that_of_the_first_note_of_the_same_dependency(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    command = PrepareRecording(job_id=str(job_id))

    async def since() -> str:
        return str((await alice.get(f"/v1/transcriptions/{job_id}")).json()["waiting_since"])

    await note(pipeline, command, Dependency.OBJECT_STORE)
    first = await since()
    await note(pipeline, command, Dependency.OBJECT_STORE)
    assert await since() == first
    await note(pipeline, command, Dependency.SCRATCH)
    assert await since() > first


@pytest.mark.parametrize("state", ["done", "failed", "cancelled", "skipped", "waiting"])
async def test_a_stage_that_is_not_active_waits_for_nothing(alice: Client, pipeline: Pipeline, state: str):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.stage(job_id, "prepare", state=state)
    await note(pipeline, PrepareRecording(job_id=str(job_id)), Dependency.OBJECT_STORE)
    assert await waits_for(alice, job_id) == (None, False)
