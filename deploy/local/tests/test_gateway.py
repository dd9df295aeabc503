"""The gateway's configuration, on one machine: how it finds replicas by name, as in a cluster, and its own addresses."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import httpx
import pytest
from support import caddy, name_server
from support.caddy import Caddy
from support.name_server import NameServer
from voicepipe_local import data_dir
from voicepipe_local.gateway import Backend

METHOD = "/voicepipe.api.v1.Uploads/Get"
REFRESH_S = 0.2
Replica = Callable[[str], object]


@pytest.fixture
async def start_replica(free_port: int) -> AsyncIterator[Replica]:
    """Call it with an address of this machine to start a replica there. It answers with this address."""
    async with AsyncExitStack() as started:

        async def start(host: str) -> grpc.aio.Server:
            async def answer(_: bytes, __: grpc.aio.ServicerContext) -> bytes:
                return host.encode()

            server = grpc.aio.server()
            service, method = METHOD.strip("/").split("/")
            handlers = {method: grpc.unary_unary_rpc_method_handler(answer)}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
            server.add_insecure_port(f"{host}:{free_port}")
            await server.start()
            started.push_async_callback(server.stop, 0)
            return server

        yield start


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with name_server.running([]) as server:
        yield server


@pytest.fixture
async def gateway(names: NameServer, free_port: int) -> AsyncIterator[Caddy]:
    directive = f"""dynamic a {{
        name upload-pods.voicepipe.svc
        port {free_port}
        refresh {REFRESH_S}s
        versions ipv4
        resolvers 127.0.0.1:{names.port}
    }}"""
    variables = {"VOICEPIPE_UPLOAD_GRPC_ADDRESSES": "", "VOICEPIPE_UPLOAD_GRPC_DISCOVERY": directive}
    with caddy.running_before(**variables) as started:
        yield started


async def answers(channel: grpc.aio.Channel, count: int) -> Counter[str]:
    """How many calls over one connection to the gateway each replica has answered."""
    calls = [await channel.unary_unary(METHOD)(b"", timeout=20) for _ in range(count)]
    return Counter(call.decode() for call in calls)


async def test_calls_over_one_connection_are_spread_over_the_replicas_that_a_name_has(
    gateway: Caddy, names: NameServer, start_replica: Replica
):
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    first, *_ = [await start_replica(host) for host in hosts]
    async with gateway.channel() as channel:
        names.addresses = hosts[:2]
        assert await answers(channel, 20) == {"127.0.0.1": 10, "127.0.0.2": 10}
        names.addresses = hosts
        await asyncio.sleep(2 * REFRESH_S)
        assert await answers(channel, 30) == dict.fromkeys(hosts, 10)
        # As a service ends: it tells its connections to end, and takes what was on its way.
        await first.stop(5)
        assert (await answers(channel, 30)).keys() == {"127.0.0.2", "127.0.0.3"}


async def test_calls_are_unavailable_while_a_name_has_no_replica(
    gateway: Caddy, names: NameServer, start_replica: Replica
):
    await start_replica("127.0.0.1")
    async with gateway.channel() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await answers(channel, 1)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        names.addresses = ["127.0.0.1"]
        await asyncio.sleep(2 * REFRESH_S)
        assert await answers(channel, 1) == {"127.0.0.1": 1}


async def test_its_own_health_and_metrics_are_at_another_address_than_that_of_clients(gateway: Caddy):
    async with httpx.AsyncClient() as client:
        for path, begins in (("/healthz", ""), ("/metrics", "# HELP ")):
            own = await client.get(f"{gateway.probes}{path}")
            assert (own.status_code, own.text.startswith(begins)) == (200, True)
            assert (await client.get(f"http://{gateway.address}{path}")).status_code == 404
        assert (await client.get(f"{gateway.probes}/version")).status_code == 404


async def test_with_a_certificate_grpc_is_spoken_over_tls_and_not_without(
    tmp_path: Path, start_replica: Replica, free_port: int
):
    certificate, key, port = tmp_path / "tls.crt", tmp_path / "tls.key", data_dir.free_port()
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2")
    make = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate))
    await asyncio.to_thread(subprocess.run, [*make, *subject], check=True, capture_output=True)
    await start_replica("127.0.0.1")
    variables = {
        "VOICEPIPE_GATEWAY_ADDRESS": f"https://localhost:{port}",
        "VOICEPIPE_GATEWAY_TLS": f"tls {certificate} {key}",
    }
    with caddy.running_before(upload=Backend("127.0.0.1:9", f"127.0.0.1:{free_port}"), **variables):
        trusted = grpc.ssl_channel_credentials(certificate.read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{port}", trusted) as channel:
            assert await answers(channel, 1) == {"127.0.0.1": 1}
        async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await answers(channel, 1)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
