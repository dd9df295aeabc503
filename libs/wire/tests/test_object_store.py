"""The client of the object store, against servers that behave badly."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.settings import Settings
from voicepipe_wire.storage import objects
from voicepipe_wire.storage.objects import ObjectMissing


@asynccontextmanager
async def store_that(answers, **settings):
    """The client of a server on which `answers(reader, writer)` handles each connection."""
    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = Settings(
        database_url="postgresql://",
        s3_endpoint=f"http://127.0.0.1:{port}",
        s3_access_key="key",
        s3_secret_key="secret",
        **settings,
    )
    async with server, objects.connect(made) as store:
        yield store


def answering(status: int, requests: list[bytes] | None = None):
    async def answer(reader, writer) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if requests is not None:
            requests.append(request.split(b"\r\n")[0])
        writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    return answer


async def test_a_store_that_takes_a_part_slowly_is_not_away(monkeypatch):
    """The part takes several times the timeout of a connection, and each piece of it less."""
    monkeypatch.setattr(objects, "CONNECT_TIMEOUT_S", 0.3)
    received = bytearray()

    async def slow(reader, writer) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        assert b"content-length: 8388608" in request.lower()
        while len(received) < 8 << 20:
            received.extend(await reader.read(1 << 20))
            await asyncio.sleep(0.1)
        writer.write(b'HTTP/1.1 200 OK\r\netag: "e"\r\ncontent-length: 0\r\n\r\n')
        await writer.drain()
        writer.close()

    async with store_that(slow) as store:
        data = bytes(range(256)) * (8 << 12)
        part = await store.put_part("key", "upload", 1, memoryview(data))
    assert (part.etag, part.size_bytes, bytes(received) == data) == ('"e"', 8 << 20, True)


async def test_a_part_that_could_not_be_sent_leaves_its_buffer_free():
    async def drop(_, writer) -> None:
        writer.close()

    buffer = bytearray(8 << 20)
    async with store_that(drop) as store:
        with memoryview(buffer) as view, view[: 5 << 20] as part, pytest.raises(Unavailable):
            await store.put_part("key", "upload", 1, part)
    del buffer[: 5 << 20]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_a_store_that_refuses_is_away(status):
    async with store_that(answering(status)) as store:
        with pytest.raises(Unavailable, match=str(status)) as raised:
            await store.put("key", b"data")
        assert raised.value.dependency == Dependency.OBJECT_STORE
        with pytest.raises(Unavailable):
            await store.put_part("key", "upload", 1, b"data")


async def test_a_missing_object_is_an_answer_and_a_wrong_request_a_bug():
    async with store_that(answering(404)) as store:
        with pytest.raises(ObjectMissing):
            await store.size_bytes("key")
    async with store_that(answering(400)) as store:
        with pytest.raises(RuntimeError, match="400"):
            await store.put("key", b"data")


async def test_a_store_that_is_down_is_asked_by_few():
    requests: list[bytes] = []
    async with store_that(answering(503, requests)) as store:
        for _ in range(50):
            with pytest.raises(Unavailable):
                await store.put("key", b"data")
    assert len(requests) < 10
