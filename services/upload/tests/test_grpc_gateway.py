"""gRPC through the real gateway: recordings of any length, and errors as the service gave them."""

import asyncio
import hashlib
import os
import time

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from support import caddy
from support.caddy import NOBODY, with_key
from voicepipe_api.v1.uploads_pb2 import CreateHeader, CreateTrailer, CreateTranscriptionRequest, GetUploadRequest
from voicepipe_api.v1.uploads_pb2_grpc import UploadsStub
from voicepipe_local.gateway import Backend

KIB = 1024
MIB = KIB * KIB
CHUNK_BYTES = 256 * KIB
UPLOAD_MIB = int(os.environ.get("GATEWAY_UPLOAD_MIB", "256"))
MAX_GROWTH_MB = 40
UNKNOWN_ID = "3f0c2c5e-0000-4000-8000-000000000000"


@pytest.fixture
def front(process):
    backend = Backend(f"127.0.0.1:{process.port}", f"127.0.0.1:{process.grpc_port}")
    with caddy.running_before(upload=backend, status=NOBODY) as started:
        yield started


@pytest.fixture
async def uploads(front):
    async with front.channel() as channel:
        yield UploadsStub(channel)


def header(**options):
    return CreateTranscriptionRequest(header=CreateHeader(name="talk.wav", options=options))


def chunks(start, count):
    """`count` chunks that begin with `start`; no two are equal."""
    noise = os.urandom(CHUNK_BYTES)
    yield start + noise[len(start) :]
    for number in range(1, count):
        yield number.to_bytes(8) + noise[8:]


async def highest(measure, done):
    """The largest value that is measured until `done` is set."""
    value = 0.0
    while not done.is_set():
        value = max(value, await asyncio.to_thread(measure))
        await asyncio.sleep(0.2)
    return value


def sha256_of(object_store, key):
    digest = hashlib.sha256()
    with object_store.client().get_object(object_store.bucket, key) as answer:
        for block in answer.stream(MIB):
            digest.update(block)
    return digest.digest()


@pytest.mark.timeout(900)
async def test_a_long_recording_passes_without_being_held_in_the_gateway(
    front, uploads, key, database, object_store, recording, record_property
):
    sent = hashlib.sha256()

    async def parts():
        yield header()
        for chunk in chunks(recording(64), UPLOAD_MIB * MIB // CHUNK_BYTES):
            sent.update(chunk)
            yield CreateTranscriptionRequest(chunk=chunk)
        yield CreateTranscriptionRequest(trailer=CreateTrailer(sha256=sent.digest()))

    before_mb, done = front.memory_mb(), asyncio.Event()
    watching = asyncio.create_task(highest(front.memory_mb, done))
    began = time.monotonic()
    try:
        answer = await uploads.Create(parts(), metadata=with_key(key))
    finally:
        took_s = time.monotonic() - began
        done.set()
        peak_mb = await watching
    record_property(
        "measured",
        f"{UPLOAD_MIB} MiB in {took_s:.1f} s ({UPLOAD_MIB / took_s:.0f} MiB/s); gateway grew by {peak_mb - before_mb:.0f} MB"
        f" to {peak_mb:.0f} MB",
    )
    assert answer.transcription.size_bytes == UPLOAD_MIB * MIB
    stored = await database.fetchrow("SELECT sha256, object_key FROM recordings")
    assert stored["sha256"] == sent.digest()
    assert sha256_of(object_store, stored["object_key"]) == sent.digest()
    assert peak_mb - before_mb < MAX_GROWTH_MB


async def test_an_error_arrives_with_its_code_and_its_details(uploads, key):
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await uploads.Get(GetUploadRequest(upload_id=UNKNOWN_ID), metadata=with_key(key))
    with pytest.raises(grpc.aio.AioRpcError) as nameless:
        await uploads.Get(GetUploadRequest(upload_id=UNKNOWN_ID))
    assert (unknown.value.code(), reason(unknown.value)) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
    assert (nameless.value.code(), reason(nameless.value)) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_MISSING")


async def test_a_refusal_reaches_a_client_that_is_still_sending(uploads, key, leftovers):
    async def endless():
        yield header(language="klingon")
        while True:
            yield CreateTranscriptionRequest(chunk=bytes(CHUNK_BYTES))
            await asyncio.sleep(0.05)

    began = time.monotonic()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await uploads.Create(endless(), metadata=with_key(key), timeout=30)
    assert (refused.value.code(), reason(refused.value)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_OPTION")
    assert time.monotonic() - began < 5
    assert await leftovers.nothing()


async def test_the_id_of_an_upload_arrives_before_its_first_chunk(uploads, key):
    call = uploads.Create(metadata=with_key(key))
    await call.write(header())
    async with asyncio.timeout(10):
        first = dict(await call.initial_metadata())
    await call.write(CreateTranscriptionRequest(chunk=b"\xff"))
    await call.write(CreateTranscriptionRequest(trailer=CreateTrailer()))
    await call.done_writing()
    assert (await call).transcription.id == first["upload-id"]


async def test_calls_to_a_stopped_service_are_unavailable_until_it_runs_again(process, uploads, key):
    request, metadata = GetUploadRequest(upload_id=UNKNOWN_ID), with_key(key)
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError) as answered:
            await uploads.Get(request, metadata=metadata)
        assert answered.value.code() is grpc.StatusCode.NOT_FOUND
        process.kill()
        with pytest.raises(grpc.aio.AioRpcError) as stopped:
            await uploads.Get(request, metadata=metadata, timeout=30)
        assert stopped.value.code() is grpc.StatusCode.UNAVAILABLE
        await asyncio.to_thread(process.start)


def reason(error):
    """The reason in the details of a status."""
    (packed,) = [value for name, value in error.trailing_metadata() if name == "grpc-status-details-bin"]
    info = ErrorInfo()
    assert Status.FromString(packed).details[0].Unpack(info)
    return info.reason
