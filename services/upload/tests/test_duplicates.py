"""Equal recordings of one owner share one transcription, unless it lacks something or the owner wants a new one."""

import asyncio

import asyncpg
import pytest
from rpc_client import whole
from support.eventually import eventually_async
from tus_client import create, head, metadata, patch

MIB = 1024 * 1024


async def test_a_duplicate_is_answered_with_the_first_transcription(
    make_client, finish_job, database, leftovers, recording
):
    client, data = await make_client(), recording(9 * MIB)
    first = await client.post("/v1/transcriptions?name=a.wav", content=data)
    running = await client.post("/v1/transcriptions?name=a.wav", content=data)
    assert (first.status_code, running.status_code) == (202, 200)
    assert (running.json()["id"], running.json()["state"]) == (first.json()["id"], "queued")
    await finish_job(first.json()["id"])
    again = await client.post("/v1/transcriptions?name=b.wav&priority=premium", content=data)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (200, first.json()["id"], "completed")
    other = await client.post("/v1/transcriptions?language=en", content=data)
    assert other.status_code == 202
    assert len(leftovers.objects()) == 2
    assert await database.fetchval("SELECT count(*) FROM uploads") == 0


async def test_equal_recordings_that_arrive_at_once_become_one_job(
    make_client, make_rpc_client, database, leftovers, recording
):
    client, rpc, data = await make_client(), await make_rpc_client(), recording(1000)
    urls = [await create(client, len(data)) for _ in range(4)]
    await asyncio.gather(
        *(client.post("/v1/transcriptions", content=data) for _ in range(6)),
        *(rpc.create(whole(data)) for _ in range(4)),
        *(patch(client, url, 0, data) for url in urls),
    )
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1
    assert len(leftovers.objects()) == 1
    assert len({(await head(client, url)).headers["transcription-id"] for url in urls}) == 1


async def test_a_fresh_request_is_never_answered_with_an_earlier_transcription(
    make_client, make_rpc_client, finish_job, recording
):
    client, rpc, data = await make_client(), await make_rpc_client(), recording(1000)
    first = await client.post("/v1/transcriptions", content=data)
    await finish_job(first.json()["id"])
    plain = await client.post("/v1/transcriptions?fresh=true", content=data)
    assert "fresh" not in plain.json()["options"]
    url = await create(client, len(data), **metadata(fresh="true"))
    tus = await patch(client, url, 0, data)
    call = await rpc.create(whole(data, options={"fresh": True}))
    ids = {first.json()["id"], plain.json()["id"], tus.headers["transcription-id"], call.transcription.id}
    assert (len(ids), call.existing) == (4, False)


@pytest.mark.parametrize("code", ["part_missing", "speakers_failed", "speakers_late"])
async def test_a_transcription_that_lacks_something_is_not_reused(make_client, finish_job, database, recording, code):
    client, data = await make_client(), recording(1000)
    first = await client.post("/v1/transcriptions", content=data)
    await finish_job(first.json()["id"])
    await database.execute("UPDATE jobs SET warnings = $1", [{"code": code, "message": "..."}])
    again = await client.post("/v1/transcriptions", content=data)
    assert (again.status_code, again.json()["id"] != first.json()["id"]) == (202, True)


async def test_a_transcription_with_a_failed_chunk_is_not_reused(make_client, database, recording):
    client, data = await make_client(), recording(1000)
    await client.post("/v1/transcriptions", content=data)
    await database.execute(
        """
        INSERT INTO chunks (job_id, owner_id, chunk_index, state, spans, speech_s, split, error_code)
        SELECT id, owner_id, 0, 'failed', '[[0, 16000]]', 1, 8000, 'bad_audio' FROM jobs
        """
    )
    assert (await client.post("/v1/transcriptions", content=data)).status_code == 202


@pytest.mark.parametrize(("revision", "status"), [("r1", 200), ("r2", 202), (None, 202)])
async def test_a_transcription_is_reused_only_if_its_words_are_of_the_revision_that_is_served(
    make_client, database, recording, revision, status
):
    client, data = await make_client(), recording(1000)
    await database.execute("UPDATE models SET description = description || $1", {"revision": "r1"})
    await client.post("/v1/transcriptions", content=data)
    await database.execute(
        """
        INSERT INTO chunks (job_id, owner_id, chunk_index, state, spans, speech_s, split, recognition, transcribed_by)
        SELECT id, owner_id, 0, 'done', '[[0, 16000]]', 1, 8000, '{}', $1 FROM jobs
        """,
        revision and {"model": "whisper-small", "revision": revision},
    )
    assert (await client.post("/v1/transcriptions", content=data)).status_code == status


@pytest.mark.parametrize("state", ["failed", "cancelled"])
async def test_a_transcription_that_did_not_complete_is_not_reused(make_client, database, recording, state):
    client, data = await make_client(), recording(1000)
    await client.post("/v1/transcriptions", content=data)
    await database.execute("UPDATE jobs SET state = $1, finished_at = now()", state)
    assert (await client.post("/v1/transcriptions", content=data)).status_code == 202


async def delete_job(connection, job_id):
    """The rows that DeleteJob removes."""
    recording_id = await connection.fetchval("DELETE FROM jobs WHERE id = $1 RETURNING recording_id", job_id)
    await connection.execute("DELETE FROM recordings WHERE id = $1", recording_id)
    await connection.execute("DELETE FROM uploads WHERE id = $1", job_id)
    await connection.execute("UPDATE uploads SET expires_at = now() WHERE job_id = $1", job_id)


@pytest.fixture
async def deleting(database_url, database):
    """Another connection, for a deletion that is not committed yet."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def waiting(database):
    return await database.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0


@pytest.mark.parametrize("protocol", ["plain", "tus"])
async def test_a_duplicate_never_names_a_transcription_that_is_being_deleted(
    make_client, finish_job, database, deleting, leftovers, recording, protocol
):
    client, data = await make_client(), recording(1000)
    first = (await client.post("/v1/transcriptions", content=data)).json()["id"]
    await finish_job(first)
    transaction = deleting.transaction()
    await transaction.start()
    await delete_job(deleting, first)
    if protocol == "plain":
        sending = asyncio.create_task(client.post("/v1/transcriptions", content=data))
    else:
        sending = asyncio.create_task(patch(client, await create(client, len(data)), 0, data))
    await eventually_async(lambda: waiting(database))
    await transaction.commit()
    answer = await sending
    made = answer.json()["id"] if protocol == "plain" else answer.headers["transcription-id"]
    assert made != first
    assert str(await database.fetchval("SELECT id FROM jobs")) == made


async def test_a_deleted_transcription_takes_the_uploads_of_its_duplicates_along(
    make_client, finish_job, deleting, recording
):
    client, data = await make_client(), recording(1000)
    first = (await client.post("/v1/transcriptions", content=data)).json()["id"]
    await finish_job(first)
    url = await create(client, len(data))
    assert (await patch(client, url, 0, data)).headers["transcription-id"] == first
    await delete_job(deleting, first)
    assert (await head(client, url)).status_code == 410
