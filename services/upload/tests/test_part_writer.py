"""The writer of one upload: the recorded bytes are a prefix of the written bytes, whatever interrupts it."""

import asyncio
import random
from uuid import uuid4

import pytest
from voicepipe_upload.storage.part_writer import PartWriter
from voicepipe_upload.storage.uploads import NewUpload, Uploads
from voicepipe_wire.storage import objects
from voicepipe_wire.storage.database import connect as connect_database

MIB = 1 << 20
KEEP_S = 60


@pytest.fixture
async def store(settings):
    async with objects.connect(settings()) as connected:
        yield connected


@pytest.fixture
async def uploads(settings):
    async with await connect_database(settings()) as pool:
        yield Uploads(pool)


@pytest.fixture
async def upload(uploads, key, database):
    owner_id = await database.fetchval("SELECT id FROM users WHERE name = 'ada'")
    return await uploads.insert(NewUpload(uuid4(), owner_id, "talk.wav", "audio/wav", {}, writer=uuid4()), KEEP_S)


@pytest.fixture
def gate(store, monkeypatch):
    """An event; until it is set, no part reaches the store."""
    opened, put_part = asyncio.Event(), store.put_part

    async def held(*arguments):
        await opened.wait()
        return await put_part(*arguments)

    monkeypatch.setattr(store, "put_part", held)
    return opened


async def safe_bytes(store, uploads, upload):
    """The recorded bytes: what the object has when the next writer finishes it."""
    row = await uploads.claim(await uploads.find(upload.id, upload.owner_id), uuid4(), None, KEEP_S)
    writer = PartWriter(store, uploads, row, keep_for_s=KEEP_S)
    await writer.resume()
    finished, _ = await writer.finish()
    await store.complete_multipart(finished.object_key, finished.multipart_id, finished.parts)
    return await store.read(finished.object_key, 0, finished.offset_bytes)


async def test_a_write_cancelled_while_parts_are_stored_leaves_no_hole(store, uploads, upload, gate, recording):
    data = recording(40 * MIB)
    writer = PartWriter(store, uploads, upload, keep_for_s=KEEP_S)
    writing = asyncio.create_task(writer.write(data))
    await asyncio.sleep(0.2)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    gate.set()
    row = await writer.save_tail()
    await writer.stop()
    assert row.offset_bytes >= 16 * MIB
    assert await safe_bytes(store, uploads, upload) == data[: row.offset_bytes]


async def test_writers_cancelled_at_random_never_corrupt_an_upload(store, uploads, upload, recording):
    data, chance = recording(60 * MIB), random.Random(3)
    row = upload
    for _ in range(6):
        writer = PartWriter(store, uploads, row, keep_for_s=KEEP_S)
        await writer.resume()
        writing = asyncio.create_task(write_in_blocks(writer, data[row.offset_bytes :], chance))
        await asyncio.sleep(chance.uniform(0, 0.25))
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        saved = await writer.save_tail()
        assert saved.offset_bytes >= row.offset_bytes
        row = await uploads.claim(saved, uuid4(), None, KEEP_S)
    writer = PartWriter(store, uploads, row, keep_for_s=KEEP_S)
    await writer.resume()
    await writer.write(data[row.offset_bytes :])
    await writer.save_tail()
    assert await safe_bytes(store, uploads, upload) == data


async def write_in_blocks(writer, data, chance):
    start = 0
    while start < len(data):
        end = start + chance.randint(1, 6 * MIB)
        await writer.write(data[start:end])
        await asyncio.sleep(0)
        start = end
