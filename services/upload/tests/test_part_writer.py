"""The writer of one upload: the recorded bytes are a prefix of the written bytes, whatever interrupts it."""

import asyncio
import random
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_upload.storage.part_writer import PartWriter
from voicepipe_upload.storage.tails import kept
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
        writing = asyncio.create_task(write_in_blocks(writer, data[row.offset_bytes :], chance))
        await asyncio.sleep(chance.uniform(0, 0.25))
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        saved = await writer.save_tail()
        assert saved.offset_bytes >= row.offset_bytes
        row = await uploads.claim(saved, uuid4(), None, KEEP_S)
    writer = PartWriter(store, uploads, row, keep_for_s=KEEP_S)
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


class Counted:
    """Counts the bytes that reach the object store."""

    def __init__(self, store, monkeypatch):
        self.stored_bytes, self.read_bytes = 0, 0
        put, put_part, read = store.put, store.put_part, store.read

        async def counted_put(key, data):
            self.stored_bytes += len(data)
            await put(key, data)

        async def counted_put_part(key, upload_id, number, data):
            self.stored_bytes += len(data)
            return await put_part(key, upload_id, number, data)

        async def counted_read(key, start, end):
            self.read_bytes += end - start
            return await read(key, start, end)

        for name, counted in (("put", counted_put), ("put_part", counted_put_part), ("read", counted_read)):
            monkeypatch.setattr(store, name, counted)


async def in_pieces(store, uploads, upload, data, lengths):
    """Each piece is a request of its own."""
    row, longest = upload, 0
    for length in lengths:
        row = await uploads.claim(row, uuid4(), None, KEEP_S)
        writer = PartWriter(store, uploads, row, keep_for_s=KEEP_S)
        await writer.write(data[row.offset_bytes : row.offset_bytes + length])
        row = await writer.save_tail()
        longest = max(longest, len(row.tails))
    return row, longest


async def test_small_pieces_are_stored_a_bounded_number_of_times(store, uploads, upload, recording, monkeypatch):
    data, piece = recording(9 * MIB), 16 * 1024
    counted = Counted(store, monkeypatch)
    row, longest = await in_pieces(store, uploads, upload, data, [piece] * (len(data) // piece))
    assert row.offset_bytes == len(data)
    # Four levels from 16 KiB to the part, and the part itself.
    assert counted.stored_bytes <= 5 * len(data)
    assert counted.read_bytes <= 5 * len(data)
    assert longest <= 7 * 4
    assert await safe_bytes(store, uploads, upload) == data


async def test_pieces_of_any_size_make_the_same_object(store, uploads, upload, leftovers, recording):
    data, chance = recording(20 * MIB), random.Random(7)
    lengths = [int(2 ** chance.uniform(0, 22)) for _ in range(60)]
    row, _ = await in_pieces(store, uploads, upload, data, lengths)
    assert row.offset_bytes == min(len(data), sum(lengths))
    tails = {tail.key for tail in row.tails}
    assert {key for key in leftovers.objects() if ".tail." in key} == tails
    assert await safe_bytes(store, uploads, upload) == data[: row.offset_bytes]
    assert not [key for key in leftovers.objects() if ".tail." in key]


async def test_a_part_number_is_taken_only_for_a_part(store, uploads, upload, database, recording):
    data = recording(40 * MIB)
    row, _ = await in_pieces(store, uploads, upload, data, [9 * MIB, 1000, 1000, 1000, 9 * MIB, 9 * MIB])
    assert await database.fetchval("SELECT next_part - 1 FROM uploads") == len(row.parts) == 3


async def test_the_tail_of_an_earlier_version_is_continued(store, uploads, upload, database, recording):
    """A replica of the version before knows one tail, and leaves the list as it finds it."""
    data = recording(3000)
    row, _ = await in_pieces(store, uploads, upload, data, [1000])
    await store.put(f"{upload.object_key}.tail.old", data[:1500])
    await database.execute(
        "UPDATE uploads SET tail_key = $1, tail_bytes = 1500, offset_bytes = 1500", f"{upload.object_key}.tail.old"
    )
    row = await uploads.find(upload.id, upload.owner_id)
    await in_pieces(store, uploads, row, data, [1500])
    assert await safe_bytes(store, uploads, upload) == data


async def test_an_earlier_version_refuses_several_tails_instead_of_losing_one(
    store, uploads, upload, database, recording
):
    """It reads `tail_bytes` from `tail_key`, and answers 503 if there are fewer."""
    await in_pieces(store, uploads, upload, recording(3000), [2000, 100])
    row = await database.fetchrow("SELECT tail_key, tail_bytes FROM uploads")
    assert len(await store.read(row["tail_key"], 0, row["tail_bytes"])) < row["tail_bytes"] == 2100


@given(st.lists(st.integers(1, 8 * MIB), max_size=200))
def test_merging_moves_a_byte_only_to_a_higher_level(pieces):
    tails: list[int] = []
    times_written: list[list[int]] = []
    for piece in pieces:
        staying = kept(tails, piece)
        merged = [times + 1 for written in times_written[staying:] for times in written]
        tails = [*tails[:staying], sum(tails[staying:]) + piece]
        times_written = [*times_written[:staying], [*merged, 1]]
        assert max(times for written in times_written for times in written) <= 10
        assert len(tails) <= 7 * 10
