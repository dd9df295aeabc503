"""What the controller deletes: expired uploads, decoded audio that nobody needs, and what killed processes left."""

from datetime import timedelta
from uuid import uuid4

import pytest
from support.eventually import eventually_async
from voicepipe_orchestrator.controller import retention
from voicepipe_orchestrator.controller.retention import Retention
from voicepipe_orchestrator.controller.rows import ROWS_FAILED
from voicepipe_wire.storage.objects import ObjectMissing
from worker_pipeline import ALL, wav


async def test_decoded_audio_of_an_attempt_that_died_goes_with_its_job(pipeline, meeting):
    pipeline.start(*ALL)
    job_id = await pipeline.submit(wav(meeting))
    first = (await pipeline.until(job_id, lambda job: job.pcm_key)).pcm_key
    orphan = f"{first.rpartition('/')[0]}/{uuid4()}"
    await pipeline.store.put(orphan, b"of an attempt that could not save its key")
    await pipeline.end_of(job_id)

    async def is_gone() -> bool:
        try:
            await pipeline.store.size_bytes(orphan)
        except ObjectMissing:
            return True
        return False

    await eventually_async(is_gone, 10)


async def test_decoded_audio_that_no_job_refers_to_is_deleted(pipeline, meeting, monkeypatch):
    """An attempt's object became whole after its job had ended or was deleted. The others are kept."""
    ended, running, failed = [await pipeline.submit(wav(meeting)) for _ in range(3)]
    keys = {job_id: f"pcm/{pipeline.owner_id}/{job_id}/{uuid4()}" for job_id in (ended, running, failed, uuid4())}
    for key in keys.values():
        await pipeline.store.put(key, b"decoded")
    await pipeline.pool.execute("UPDATE jobs SET state = 'completed', finished_at = now() WHERE id = $1", ended)
    await pipeline.pool.execute(
        "UPDATE jobs SET state = 'failed', finished_at = now(), pcm_key = $2 WHERE id = $1", failed, keys[failed]
    )
    others = {name: name for name in (f"pcm/{uuid4()}/{uuid4()}/{uuid4()}", "pcm/of-another-program")}
    for key in others:
        await pipeline.store.put(key, b"not ours")
    keys |= others
    controller = Retention(pipeline.pool, pipeline.store, keep_failed_pcm_s=3600)

    async def kept() -> set[str]:
        return {key for key in keys.values() if await _exists(pipeline, key)}

    await controller.apply()
    assert await kept() == {*keys.values()}  # they are younger than a day
    monkeypatch.setattr(retention, "UNFINISHED_AFTER", timedelta(0))
    await controller.apply()
    assert await kept() == {keys[running], keys[failed], *others}


async def _exists(pipeline, key) -> bool:
    try:
        return bool(await pipeline.store.size_bytes(key))
    except ObjectMissing:
        return False


@pytest.mark.parametrize("became", ["nothing", "another job", "a job"])
async def test_an_expired_upload_is_deleted_except_for_the_recording_of_its_job(pipeline, became):
    upload_id = uuid4()
    key = f"audio/{pipeline.owner_id}/2026-01-01/{upload_id}/original"
    job_id = {"nothing": None, "another job": uuid4(), "a job": upload_id}[became]
    multipart_id = await pipeline.store.begin_multipart(key, "audio/wav")
    await pipeline.store.put(f"{key}.tail.1", b"tail")
    await pipeline.store.put(key, b"recording")
    await pipeline.pool.execute(
        "INSERT INTO uploads (id, owner_id, name, media_type, options, object_key, multipart_id, job_id, expires_at)"
        " VALUES ($1, $2, 'a.wav', 'audio/wav', '{}', $3, $4, $5, now() - interval '1 s')",
        upload_id,
        pipeline.owner_id,
        key,
        multipart_id,
        job_id,
    )
    await Retention(pipeline.pool, pipeline.store, 60).apply()
    assert await pipeline.pool.fetchval("SELECT count(*) FROM uploads") == 0
    if became == "a job":
        assert await pipeline.store.size_bytes(key) == len(b"recording")
    else:
        for deleted_key in (key, f"{key}.tail.1"):
            with pytest.raises(ObjectMissing):
                await pipeline.store.size_bytes(deleted_key)
        with pytest.raises(ObjectMissing):
            await pipeline.store.put_part(key, multipart_id, 1, b"late")


async def unfinished(pipeline) -> set[str]:
    return {upload.upload_id for upload in await pipeline.store.unfinished_uploads("")}


async def test_unfinished_objects_of_killed_writers_are_removed(pipeline, monkeypatch):
    monkeypatch.setattr("voicepipe_orchestrator.controller.retention.UNFINISHED_AFTER", timedelta())
    names = [
        await pipeline.store.begin_multipart(key, "audio/wav") for key in ("pcm/nobody/nothing", "audio/an/upload")
    ]
    await pipeline.pool.execute(
        "INSERT INTO uploads (id, owner_id, name, media_type, options, object_key, multipart_id, expires_at)"
        " VALUES ($1, $2, 'talk.wav', 'audio/wav', '{}', 'audio/an/upload', $3, now() + interval '1 hour')",
        uuid4(),
        pipeline.owner_id,
        names[1],
    )
    assert await unfinished(pipeline) == set(names)
    await Retention(pipeline.pool, pipeline.store, 0).apply()
    assert await unfinished(pipeline) == {names[1]}


async def test_idempotency_keys_are_deleted_when_they_have_expired_and_no_request_holds_them(pipeline):
    for key, expires, held in (("kept", "1 h", "0 s"), ("held", "-1 s", "1 h"), ("expired", "-1 s", "-1 s")):
        await pipeline.pool.execute(
            """
            INSERT INTO idempotency_keys (owner_id, key, head_sha256, holder, held_until, expires_at)
            VALUES ($1, $2, '', gen_random_uuid(), now() + $3::text::interval, now() + $4::text::interval)
            """,
            pipeline.owner_id,
            key,
            held,
            expires,
        )
    await Retention(pipeline.pool, pipeline.store, 60).apply()
    rows = await pipeline.pool.fetch("SELECT key FROM idempotency_keys ORDER BY key")
    assert [row["key"] for row in rows] == ["held", "kept"]


async def test_an_upload_that_cannot_be_deleted_keeps_no_other_from_being_deleted(pipeline, monkeypatch):
    for name in ("first", "second", "third"):
        await pipeline.pool.execute(
            "INSERT INTO uploads (id, owner_id, name, media_type, options, object_key, expires_at)"
            " VALUES ($1, $2, 'a.wav', 'audio/wav', '{}', $3, now() - interval '1 s')",
            uuid4(),
            pipeline.owner_id,
            f"audio/{name}",
        )
    delete_under = pipeline.store.delete_under

    async def refuses_second(prefix):
        if prefix == "audio/second":
            raise PermissionError("not yours")
        await delete_under(prefix)

    monkeypatch.setattr(pipeline.store, "delete_under", refuses_second)
    failed = ROWS_FAILED.labels("expired_uploads")._value.get()
    await Retention(pipeline.pool, pipeline.store, 60).apply()
    assert ROWS_FAILED.labels("expired_uploads")._value.get() == failed + 1
    assert [row["object_key"] for row in await pipeline.pool.fetch("SELECT object_key FROM uploads")] == [
        "audio/second"
    ]


async def test_the_multipart_uploads_of_other_programs_in_the_bucket_are_left_alone(pipeline, monkeypatch):
    monkeypatch.setattr("voicepipe_orchestrator.controller.retention.UNFINISHED_AFTER", timedelta())
    theirs = await pipeline.store.begin_multipart("backup/of/somebody", "audio/wav")
    await Retention(pipeline.pool, pipeline.store, 0).apply()
    assert await unfinished(pipeline) == {theirs}


async def test_unfinished_objects_are_found_behind_many_of_other_programs(pipeline, monkeypatch):
    monkeypatch.setattr("voicepipe_orchestrator.controller.retention.UNFINISHED_AFTER", timedelta())
    monkeypatch.setattr("voicepipe_wire.storage.objects._UPLOADS_PER_PAGE", 2)
    theirs = {await pipeline.store.begin_multipart(f"{name}/of/somebody", "audio/wav") for name in ("a", "b", "z") * 2}
    for number in range(5):
        await pipeline.store.begin_multipart(f"audio/upload/{number}", "audio/wav")
    await Retention(pipeline.pool, pipeline.store, 0).apply()
    assert await unfinished(pipeline) == theirs


async def test_a_bucket_that_does_not_exist_yet_has_nothing_to_delete(pipeline, monkeypatch):
    monkeypatch.setattr(pipeline.store, "_bucket", "voicepipe-not-yet")
    await Retention(pipeline.pool, pipeline.store, 0).apply()
