"""The gRPC server of a service process: its methods, health, reflection, limits, and its end.

`run` serves until `stop` is set. Health reports NOT_SERVING as soon as the process receives SIGTERM, while calls
are still accepted, so that clients that watch it go elsewhere. Then new calls are refused, and open ones have `grace_s` to end.
Those that take longer are cancelled, and what they clean up is awaited, because it needs connections that close afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from voicepipe_wire import aio
from voicepipe_wire.web.probes import Checks, states_of

from .call import Service
from .settings import RpcSettings

log = structlog.get_logger(__name__)

# gRPC's own default; the contract sends nothing larger.
MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
KEEPALIVE_S: Final = 30
KEEPALIVE_TIMEOUT_S: Final = 10
HEALTH_EVERY_S: Final = 5.0
# For calls that were accepted and have not reached their methods yet.
LAST_CALLS_S: Final = 0.5
MS: Final = 1000


class RpcServer:
    """The server of `services`. `checks` determine their health; `reflected` are the names that reflection lists."""

    def __init__(
        self,
        settings: RpcSettings,
        services: Sequence[Service],
        checks: Checks,
        *,
        reflected: Sequence[str] = (),
        grace_s: float,
    ) -> None:
        self._checks = checks
        self._grace_s = grace_s
        self._services = services
        self._names = ["", *(service.name for service in services)]
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(options=_options(settings), maximum_concurrent_rpcs=None)
        for service in services:
            self._server.add_generic_rpc_handlers((service.handler,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if settings.grpc_reflection:
            names = (*reflected, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        self.port: int = self._server.add_insecure_port(f"{settings.grpc_host}:{settings.grpc_port}")

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set and open calls have ended."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)  # unlike gRPC, until the first checks
        await self._server.start()
        try:
            async with aio.background(self._update_health()):
                await stop.wait()
        finally:
            await self.drain()
            await aio.finish(self._end())

    async def drain(self) -> None:
        """Say that clients should go elsewhere. It cannot be undone."""
        await self._health.enter_graceful_shutdown()

    async def _end(self) -> None:
        """Wait for the calls of the services, and then for nobody else.

        Watchers of health have no end, and gRPC may lose a call that arrives at this moment: both would last for all of the grace.
        """
        stopping = asyncio.create_task(self._server.stop(self._grace_s))
        await asyncio.wait({stopping}, timeout=LAST_CALLS_S)
        await self._calls_ended()
        await self._server.stop(None)
        await stopping
        await self._calls_ended()

    async def _calls_ended(self) -> None:
        for service in self._services:
            await service.ended()

    async def _update_health(self) -> None:
        response = health_pb2.HealthCheckResponse
        while True:
            states = await states_of(self._checks)
            serving = all(state == "ok" for state in states.values())
            await self._set_health(response.SERVING if serving else response.NOT_SERVING)
            await asyncio.sleep(HEALTH_EVERY_S)

    async def _set_health(self, status: int) -> None:
        for name in self._names:
            await self._health.set(name, status)


def _options(settings: RpcSettings) -> list[tuple[str, int]]:
    age_ms = settings.grpc_connection_age_s * MS
    return [
        ("grpc.so_reuseport", 0),  # a second process on a port is a mistake
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_concurrent_streams", settings.grpc_max_streams),
        ("grpc.keepalive_time_ms", KEEPALIVE_S * MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_S * MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_TIMEOUT_S * MS),
        ("grpc.max_connection_age_ms", age_ms),
        ("grpc.max_connection_age_grace_ms", age_ms),
    ]
