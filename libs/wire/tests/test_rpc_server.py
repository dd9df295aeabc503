"""The gRPC server of a process: health, reflection, its options, and its end."""

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from rpc_service import NAME, WITH_KEY, failure, serving
from support.eventually import eventually_async
from voicepipe_wire.rpc import server
from voicepipe_wire.rpc.server import _options
from voicepipe_wire.rpc.settings import RpcSettings

Status = health_pb2.HealthCheckResponse


@pytest.fixture(autouse=True)
def _checked_often(monkeypatch):
    monkeypatch.setattr(server, "HEALTH_EVERY_S", 0.05)


async def health(served, name=NAME):
    answer = await health_pb2_grpc.HealthStub(served.channel).Check(health_pb2.HealthCheckRequest(service=name))
    return answer.status


async def becomes(served, status, *names):
    async def is_so():
        return [await health(served, name) for name in names] == [status] * len(names)

    await eventually_async(is_so, 5)


async def test_each_service_and_the_whole_are_healthy_without_a_key():
    async with serving() as served:
        await becomes(served, Status.SERVING, NAME, "")
        stub = health_pb2_grpc.HealthStub(served.channel)
        code, *_ = await failure(stub.Check(health_pb2.HealthCheckRequest(service="voicepipe.tests.Choir")))
        assert code is grpc.StatusCode.NOT_FOUND


async def test_a_failed_check_makes_a_server_unhealthy_until_it_passes():
    broken = True

    async def check():
        if broken:
            raise ConnectionError

    async with serving(checks={"postgresql": check}) as served:
        await becomes(served, Status.NOT_SERVING, NAME, "")
        broken = False
        await becomes(served, Status.SERVING, NAME, "")


async def test_a_server_is_unhealthy_until_its_first_checks_have_passed():
    passes = asyncio.Event()
    async with serving(checks={"postgresql": passes.wait}) as served:
        assert [await health(served), await health(served, "")] == [Status.NOT_SERVING] * 2
        passes.set()
        await becomes(served, Status.SERVING, NAME, "")


async def test_a_server_that_drains_is_unhealthy_and_still_answers_calls():
    async with serving() as served:
        await becomes(served, Status.SERVING, NAME)
        watch = health_pb2_grpc.HealthStub(served.channel).Watch(health_pb2.HealthCheckRequest(service=NAME))
        assert (await watch.read()).status == Status.SERVING
        await served.server.drain()
        assert (await watch.read()).status == Status.NOT_SERVING
        await asyncio.sleep(0.2)  # several updates
        assert await health(served, "") == Status.NOT_SERVING
        assert (await served.call("Say", "hi")).value == "hi"
        watch.cancel()


async def services(served):
    async def ask():
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    call = reflection_pb2_grpc.ServerReflectionStub(served.channel).ServerReflectionInfo(ask())
    answer = await call.read()
    return {each.name for each in answer.list_services_response.service}


async def test_reflection_lists_all_services_although_another_process_serves_them():
    async with serving(reflected=["voicepipe.api.v1.Uploads"]) as served:
        assert await services(served) == {
            "voicepipe.api.v1.Uploads", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection",
        }  # fmt: skip


async def test_reflection_can_be_switched_off():
    async with serving(grpc_reflection=False) as served:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await services(served)
        assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_open_calls_have_their_time_to_end_after_a_stop():
    release = asyncio.Event()

    async def requests():
        yield "a"
        await release.wait()
        yield "end"

    async with serving(grace_s=20) as served:
        call = served.call("Join", requests())
        await eventually_async(lambda: served.echo.events == ["begun"])
        served.stop.set()
        await eventually_async(lambda: not served.server._server._server.is_running())
        late, *_ = await failure(served.call("Say", "late", wait_for_ready=False))
        assert late is grpc.StatusCode.UNAVAILABLE
        release.set()
        assert (await call).value == "a end"
        await served.running


async def test_calls_that_outlast_the_grace_are_cancelled_and_have_ended_when_the_server_has():
    async with serving(grace_s=0.2) as served:
        call = served.call("Say", "wait")
        await eventually_async(lambda: served.echo.events == ["begun"])
        served.echo.cleans_up_for_s = 0.3
        served.stop.set()
        await served.running
        assert served.echo.events == ["begun", "ended by CancelledError", "cleaned up"]
        assert (await failure(call))[0] in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_watchers_of_health_do_not_delay_the_end():
    async with serving(grace_s=60) as served:
        await becomes(served, Status.SERVING, NAME)
        watch = health_pb2_grpc.HealthStub(served.channel).Watch(health_pb2.HealthCheckRequest(service=NAME))
        assert (await watch.read()).status == Status.SERVING
        served.stop.set()
        assert (await watch.read()).status == Status.NOT_SERVING
        async with asyncio.timeout(5):
            await served.running
        assert (await failure(watch))[0] in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_calls_of_the_last_moment_end_soon():
    """gRPC may lose a call that arrives while its server stops: it would be open until the grace is over."""
    async with serving(grace_s=60) as served:
        calls = [asyncio.ensure_future(_outcome(served.call("Say", "x"))) for _ in range(50)]
        await asyncio.sleep(0)
        served.stop.set()
        calls += [asyncio.ensure_future(_outcome(served.call("Say", "x"))) for _ in range(50)]
        async with asyncio.timeout(5):
            outcomes = set(await asyncio.gather(*calls))
            await served.running
    assert outcomes <= {"OK", "UNAVAILABLE", "CANCELLED"}


async def _outcome(call):
    return (await call.code()).name


async def test_a_port_that_is_taken_ends_the_start():
    async with serving() as served:
        with pytest.raises(RuntimeError, match=str(served.server.port)):
            await serving(grpc_port=served.server.port).__aenter__()


async def test_a_stream_beyond_the_limit_of_a_connection_waits():
    async with serving(grpc_max_streams=2) as served:
        calls = [served.call("Repeat", "then wait") for _ in range(2)]
        await eventually_async(lambda: served.echo.events == ["begun", "begun"])
        calls.append(served.call("Repeat", "then wait"))
        await asyncio.sleep(0.2)
        assert served.echo.events == ["begun", "begun"]
        calls[0].cancel()
        await eventually_async(lambda: served.echo.events.count("begun") == 3)
        for call in calls[1:]:
            call.cancel()


def test_connections_are_kept_alive_and_closed_when_they_are_old():
    options = dict(_options(RpcSettings(grpc_connection_age_s=60, grpc_max_streams=7)))
    assert options == {
        "grpc.so_reuseport": 0,
        "grpc.max_receive_message_length": 4 * 1024 * 1024,
        "grpc.max_send_message_length": 4 * 1024 * 1024,
        "grpc.max_concurrent_streams": 7,
        "grpc.keepalive_time_ms": 30_000,
        "grpc.keepalive_timeout_ms": 10_000,
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.min_ping_interval_without_data_ms": 10_000,
        "grpc.max_connection_age_ms": 60_000,
        "grpc.max_connection_age_grace_ms": 60_000,
    }


async def test_calls_continue_while_their_connection_is_replaced():
    async with serving(grpc_connection_age_s=1) as served:
        async with asyncio.timeout(20):
            for _ in range(30):
                assert (await served.call("Say", "hi", metadata=WITH_KEY, wait_for_ready=True)).value == "hi"
                await asyncio.sleep(0.1)
