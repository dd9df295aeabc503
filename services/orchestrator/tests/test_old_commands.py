"""Control commands of the previous version, delivered late, twice or in the wrong order."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from support.eventually import eventually_async
from voicepipe_wire.changes import commands
from voicepipe_wire.changes.cancellation import cancel
from voicepipe_wire.changes.reopening import retry
from voicepipe_wire.changes.speakers import rename
from voicepipe_wire.errors import Reject
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.speaker_names import SpeakerOf
from voicepipe_wire.jobs.stages import Stage, fail
from voicepipe_wire.v1.commands_pb2 import CancelJob, DeleteJob, DiarizeAgain, RenameSpeaker, RetryJob
from worker_pipeline import events_of, send_control

LATER = timedelta(seconds=1)


async def deliver(pipeline, command, sent_at: datetime) -> None:
    async with pipeline.outbox.transaction() as transaction:
        await commands.carry_out(transaction, command, sent_at)


async def change(pipeline, job_id: UUID, make, *arguments) -> bool:
    """As status does for a request."""
    async with pipeline.outbox.transaction() as transaction:
        return await make(transaction, await jobs.lock(transaction.connection, job_id), *arguments)


async def test_a_retry_delivered_again_does_not_reopen_what_was_cancelled_later(pipeline):
    job_id = await pipeline.submit(b"sounds")
    command, sent_at = RetryJob(job_id=str(job_id)), datetime.now(UTC)
    await change(pipeline, job_id, cancel)
    await deliver(pipeline, command, datetime.now(UTC))
    assert (await pipeline.job(job_id)).state == "queued"
    await change(pipeline, job_id, cancel)
    await deliver(pipeline, command, sent_at)
    assert (await pipeline.job(job_id)).state == "cancelled"


async def test_a_cancel_delivered_again_does_not_cancel_what_was_retried_later(pipeline):
    job_id = await pipeline.submit(b"sounds")
    command, sent_at = CancelJob(job_id=str(job_id)), datetime.now(UTC)
    await deliver(pipeline, command, sent_at)
    assert await change(pipeline, job_id, retry)
    await deliver(pipeline, command, sent_at)
    assert (await pipeline.job(job_id)).state == "queued"


async def test_a_retry_that_has_failed_again_is_not_repeated_by_its_redelivery(pipeline):
    job_id = await pipeline.submit(b"sounds")
    await change(pipeline, job_id, cancel)
    sent_at = datetime.now(UTC)
    await deliver(pipeline, RetryJob(job_id=str(job_id)), sent_at)
    async with pipeline.outbox.transaction() as transaction:
        job = await jobs.lock(transaction.connection, job_id)
        await jobs.fail(transaction, job, fail(job.stages, Stage.PREPARE), Reject.of("audio_missing"))
    await deliver(pipeline, RetryJob(job_id=str(job_id)), sent_at)
    assert (await pipeline.job(job_id)).state == "failed"


async def test_commands_that_waited_together_are_all_carried_out_in_order(pipeline):
    """A retry, then a cancel, both written before the first of them is delivered."""
    job_id = await pipeline.submit(b"sounds")
    await change(pipeline, job_id, cancel)
    asked = datetime.now(UTC)
    for command, after in ((RetryJob, 1), (CancelJob, 2), (RetryJob, 3)):
        await deliver(pipeline, command(job_id=str(job_id)), asked + timedelta(milliseconds=after))
    assert (await pipeline.job(job_id)).state == "queued"


async def named(pipeline) -> tuple[UUID, SpeakerOf]:
    """A job with a transcript, and its only speaker."""
    job_id = await pipeline.submit(b"sounds")
    document = {"speakers": [{"id": "speaker_1"}]}
    await pipeline.pool.execute(
        "INSERT INTO transcripts (job_id, owner_id, version, document) SELECT id, owner_id, 1, $2 FROM jobs WHERE id = $1",
        job_id,
        document,
    )
    return job_id, SpeakerOf(1, "speaker_1")


async def name_of(pipeline, job_id: UUID) -> str | None:
    return await pipeline.pool.fetchval("SELECT name FROM speaker_names WHERE job_id = $1", job_id)


@pytest.mark.parametrize("newest", ["Ada", None])
async def test_of_names_that_arrive_in_the_wrong_order_the_newest_stays(pipeline, newest):
    job_id, _ = await named(pipeline)
    now = datetime.now(UTC)
    for name, sent_at in (("", now), (newest or "", now + 3 * LATER), ("Too late", now + LATER)):
        renaming = RenameSpeaker(job_id=str(job_id), transcript_version=1, speaker="speaker_1", name=name)
        await deliver(pipeline, renaming, sent_at)
    assert await name_of(pipeline, job_id) == newest


@pytest.mark.parametrize("newest", ["Ada", None])
async def test_a_name_given_by_a_request_is_not_overwritten_by_an_older_command(pipeline, newest):
    job_id, speaker = await named(pipeline)
    sent_at = datetime.now(UTC)
    await change(pipeline, job_id, rename, speaker, newest)
    renaming = RenameSpeaker(job_id=str(job_id), transcript_version=1, speaker="speaker_1", name="Too late")
    await deliver(pipeline, renaming, sent_at)
    assert await name_of(pipeline, job_id) == newest


async def test_every_command_of_the_previous_version_is_still_carried_out(pipeline):
    pipeline.start("controller")
    job_id = await pipeline.submit(b"sounds")
    for command, state in ((CancelJob, "cancelled"), (RetryJob, "queued")):
        await send_control(pipeline, command(job_id=str(job_id)))
        await pipeline.until(job_id, lambda job, state=state: job.state == state)
    await send_control(pipeline, DiarizeAgain(job_id=str(job_id)))  # it is not completed: nothing happens
    await send_control(pipeline, DeleteJob(job_id=str(job_id)))
    await eventually_async(lambda: pipeline.pool.fetchval("SELECT count(*) = 0 FROM jobs"))

    async def is_told() -> bool:
        return await events_of(pipeline, job_id) == ["job-deleted"]

    await eventually_async(is_told)


async def test_a_command_about_a_job_that_is_gone_does_nothing(pipeline):
    await deliver(pipeline, RetryJob(job_id=str(uuid4())), datetime.now(UTC))
    assert await pipeline.pool.fetchval("SELECT count(*) FROM outbox") == 0
