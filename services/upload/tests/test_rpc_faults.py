"""Processes die and stop, servers become unavailable while a recording arrives over gRPC: no byte is lost or left behind."""

import asyncio
import random
import signal

import grpc
from rpc_client import MIB, check_job, chunks, continued, failure, header, new, trailer, upload_id_of, whole
from support.eventually import eventually_async
from voicepipe_wire.web import keys

from .conftest import rpc_client


async def held(first, hold, second):
    """Requests that stop in the middle until `hold` is set."""
    for part in first:
        yield part
    await hold.wait()
    for part in second:
        yield part


async def wait_for_offset(database, size_bytes):
    await eventually_async(lambda: database.fetchval("SELECT max(offset_bytes) >= $1 FROM uploads", size_bytes), 30)


async def test_another_replica_continues_after_a_kill(processes, key, database, leftovers, recording):
    data, never = recording(20 * MIB), asyncio.Event()
    first, second = processes(), processes()
    async with rpc_client(first.grpc_port, key) as dying, rpc_client(second.grpc_port, key) as client:
        call = dying.start(held([new(), *chunks(data[: 19 * MIB])], never, []))
        upload_id = await upload_id_of(call)
        await wait_for_offset(database, 16 * MIB)
        first.kill()
        assert (await failure(call)).code == "UNAVAILABLE"
        assert 16 * MIB <= (await client.get(upload_id)).offset_bytes < len(data)
        await check_job(await client.rest_of(upload_id, data), database, leftovers, data)


async def test_a_stop_finishes_the_uploads_in_flight(process, rpc, database, leftovers, recording):
    data, hold = recording(9 * MIB), asyncio.Event()
    call = rpc.start(held([new(), *chunks(data)], hold, [trailer(data)]))
    await wait_for_offset(database, 8 * MIB)
    process.popen.send_signal(signal.SIGTERM)
    await eventually_async(lambda: _refuses(process))
    hold.set()
    await check_job(await call, database, leftovers, data)
    assert await asyncio.to_thread(process.popen.wait, 30) == 0


async def _refuses(process):
    """Whether the process listens no more."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", process.grpc_port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_a_stop_keeps_the_bytes_of_an_upload_that_outlasts_it(processes, key, database, leftovers, recording):
    data, never = recording(12 * MIB), asyncio.Event()
    first, second = processes(grace_s=1), processes()
    async with rpc_client(first.grpc_port, key) as stopping, rpc_client(second.grpc_port, key) as client:
        call = stopping.start(held([new(), *chunks(data[: 11 * MIB])], never, []))
        upload_id = await upload_id_of(call)
        await wait_for_offset(database, 8 * MIB)
        assert await asyncio.to_thread(first.stop) == 0
        assert (await failure(call)).code in {"UNAVAILABLE", "CANCELLED"}
        assert (await client.get(upload_id)).offset_bytes == 11 * MIB
        await check_job(await client.rest_of(upload_id, data), database, leftovers, data)


async def test_without_the_object_store_an_upload_is_unavailable_and_continues_later(
    processes, private_object_store, key, database, recording
):
    store, server = private_object_store()
    names = ("endpoint", "access_key", "secret_key", "bucket")
    process = processes(**{f"s3_{name}": getattr(store, name) for name in names})
    data, hold = recording(20 * MIB), asyncio.Event()
    async with rpc_client(process.grpc_port, key) as client:
        call = client.start(held([new(), *chunks(data[: 9 * MIB])], hold, [*chunks(data[9 * MIB :]), trailer(data)]))
        upload_id = await upload_id_of(call)
        await wait_for_offset(database, 8 * MIB)
        server.kill()
        hold.set()
        error = await failure(call)
        assert (error.code, error.reason) == ("UNAVAILABLE", "unavailable")
        assert error.retry_after_s > 0
        await asyncio.to_thread(server.start)
        answer = await client.rest_of(upload_id, data)
    key_of = await database.fetchval("SELECT object_key FROM recordings WHERE id = $1", answer.transcription.id)
    with store.client().get_object(store.bucket, key_of) as found:
        assert found.data == data


async def test_without_postgresql_calls_are_unavailable(processes, private_postgres, migrated, recording):
    url, server = private_postgres()
    migrated(url)
    key = await keys.create(url, "ada", "tests", operator=False)
    process = processes(database_url=url)
    server.kill()
    async with rpc_client(process.grpc_port, key) as client:
        for call in (client.create(whole(recording(1000))), client.get("unknown")):
            error = await failure(call)
            assert (error.code, error.reason) == ("UNAVAILABLE", "unavailable")
            assert error.retry_after_s > 0


def resident_bytes(process):
    with open(f"/proc/{process.popen.pid}/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096


async def test_memory_is_constant_whatever_the_size(process, rpc, recording, record_property):
    await rpc.create(whole(recording(30 * MIB, salt=1)))
    before, block, most = resident_bytes(process), recording(MIB), 0

    async def large():
        nonlocal most
        yield new(name="long.wav")
        for _ in range(200):
            for part in chunks(block):
                yield part
            most = max(most, resident_bytes(process))
        yield trailer()

    assert (await rpc.create(large())).transcription.size_bytes == 200 * MIB
    record_property("measured", f"{(most - before) / MIB:.0f} MiB more memory for an upload of 200 MiB over gRPC")
    assert most - before < 80 * MIB


async def test_streams_that_break_at_random_never_corrupt_an_upload(processes, key, database, leftovers, recording):
    """Each starts before the previous one is known to be dead, on two replicas."""
    chance, data, never = random.Random(5), recording(30 * MIB), asyncio.Event()
    replicas = [processes(), processes()]
    async with rpc_client(replicas[0].grpc_port, key) as one, rpc_client(replicas[1].grpc_port, key) as other:
        call = one.start(held([new(size_bytes=len(data))], never, []))
        upload_id = await upload_id_of(call)
        call.cancel()
        for attempt in range(12):
            client = (one, other)[attempt % 2]
            offset_bytes = (await client.get(upload_id)).offset_bytes
            part = data[offset_bytes : offset_bytes + chance.randint(1, 8 * MIB)]
            again = header(upload_id=upload_id, offset_bytes=offset_bytes)
            call = client.start(held([again, *chunks(part)], never, []))
            await asyncio.sleep(chance.uniform(0, 0.3))
            call.cancel()
        async with asyncio.timeout(60):
            code = None
            while code is not grpc.StatusCode.OK:
                offset_bytes = (await one.get(upload_id)).offset_bytes
                answer = one.start(continued(upload_id, offset_bytes, data))
                code = await answer.code()
        await check_job(await answer, database, leftovers, data)
