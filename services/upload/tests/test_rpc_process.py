"""upload as a process that speaks gRPC: what it says about itself, while it runs and while it stops."""

import asyncio
import signal

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from rpc_client import check_job, chunks, failure, new, upload_id_of, whole
from support.eventually import eventually_async
from voicepipe_api import SERVICES

from .conftest import rpc_client

UPLOADS = "voicepipe.api.v1.Uploads"
Health = health_pb2.HealthCheckResponse


async def health(client):
    request = health_pb2.HealthCheckRequest(service=UPLOADS)
    return (await health_pb2_grpc.HealthStub(client.channel).Check(request)).status


async def test_reflection_lists_the_services_of_the_whole_api(rpc):
    async def ask():
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    call = reflection_pb2_grpc.ServerReflectionStub(rpc.channel).ServerReflectionInfo(ask())
    listed = {each.name for each in (await call.read()).list_services_response.service}
    assert listed == {*SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


async def test_a_process_without_reflection_keeps_its_methods_to_itself(processes, key):
    async def ask():
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    async with rpc_client(processes(grpc_reflection=False).grpc_port, key) as client:
        call = reflection_pb2_grpc.ServerReflectionStub(client.channel).ServerReflectionInfo(ask())
        assert await call.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_process_that_drains_is_unhealthy_and_still_accepts(processes, key, database, leftovers, recording):
    process, data = processes(drain_s=5), recording(1000)
    async with rpc_client(process.grpc_port, key) as client:
        await eventually_async(lambda: _is(client, Health.SERVING))
        process.popen.send_signal(signal.SIGTERM)
        await eventually_async(lambda: _is(client, Health.NOT_SERVING), 4)
        await check_job(await client.create(whole(data)), database, leftovers, data)
    assert await asyncio.to_thread(process.popen.wait, 30) == 0


async def _is(client, status):
    return await health(client) == status


async def test_calls_are_measured_by_method_and_code(process, rpc, recording):
    await rpc.create(whole(recording(1000)))
    await failure(rpc.get("unknown"))
    async with httpx.AsyncClient() as client:
        metrics = (await client.get(f"{process.url}/metrics")).text
    name = "voicepipe_grpc_request_duration_seconds_count"
    assert f'{name}{{code="OK",method="{UPLOADS}/Create"}} 1.0' in metrics
    assert f'{name}{{code="NOT_FOUND",method="{UPLOADS}/Get"}} 1.0' in metrics
    assert 'voicepipe_upload_bytes_total{kind="grpc"} 1000.0' in metrics
    assert 'voicepipe_uploads_total{kind="grpc",outcome="accepted"} 1.0' in metrics


async def test_a_recording_passes_through_the_gateway_and_continues_there(
    gateway, process, key, database, leftovers, recording
):
    data, port = recording(9 * 1024 * 1024), int(gateway.rpartition(":")[2])
    async with rpc_client(port, key) as client:
        call = client.start([new(), *chunks(data[: 4 * 1024 * 1024])])
        assert (await failure(call)).reason == "length_mismatch"
        answer = await client.rest_of(await upload_id_of(call), data)
        await check_job(answer, database, leftovers, data)


async def test_a_deadline_that_passes_keeps_the_bytes_that_arrived(rpc, database, leftovers, recording):
    data = recording(4 * 1024 * 1024)

    async def slow():
        for part in [new(), *chunks(data[: 2 * 1024 * 1024])]:
            yield part
        await asyncio.Event().wait()

    call = rpc.start(slow(), timeout_s=2)
    assert (await failure(call)).code == "DEADLINE_EXCEEDED"
    await eventually_async(lambda: database.fetchval("SELECT offset_bytes FROM uploads"))
    await check_job(await rpc.rest_of(await upload_id_of(call), data), database, leftovers, data)
