"""The writer of large objects, on a store that a test can hold up."""

import asyncio
import threading

import pytest
from voicepipe_wire.storage.objects import SMALLEST_PART_BYTES, MultipartWriter, Part


class SlowStore:
    """Sends a part in a thread, as the real store does, until it is let go."""

    def __init__(self):
        self.let_go = threading.Event()
        self.sending = asyncio.Event()
        self.sent, self.aborted = [], []

    async def begin_multipart(self, _key, _media_type):
        return "upload"

    async def put_part(self, _key, _upload_id, number, data):
        self.sending.set()
        await asyncio.to_thread(self.let_go.wait, 10)
        self.sent.append(bytes(data[:4]))
        return Part(number, "etag", len(data))

    async def abort_multipart(self, key, _upload_id):
        self.aborted.append(key)


async def test_a_cancelled_write_ends_its_part_and_aborts_the_object():
    store = SlowStore()

    async def write():
        async with MultipartWriter(store, "pcm/key") as writer:
            await writer.write(b"pcm " * (SMALLEST_PART_BYTES // 4))

    task = asyncio.create_task(write())
    await store.sending.wait()
    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()  # the thread still reads the buffer
    store.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (store.sent, store.aborted) == ([b"pcm "], ["pcm/key"])
