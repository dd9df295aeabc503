"""A small gRPC service in this process, and calls of its methods.

Its methods do what their request says: `fail` raises what the test gave, `wait` waits until it is cancelled, other texts come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.status_pb2 import Status
from voicepipe_wire.rpc.call import Call, Service
from voicepipe_wire.rpc.server import RpcServer
from voicepipe_wire.rpc.settings import RpcSettings
from voicepipe_wire.rpc.status import DETAILS_KEY
from voicepipe_wire.web.auth import Authenticator, key_hash

NAME = "voicepipe.tests.Echo"
KEY = "vp_right"
WITH_KEY = (("authorization", f"Bearer {KEY}"),)
USER_ID = UUID(int=7)


def descriptor(name: str, **methods: tuple[bool, bool]) -> Any:
    """The descriptor of a service whose messages are texts; a method is (client streams, server streams)."""
    file = FileDescriptorProto(
        name=f"voicepipe/tests/{name.lower()}.proto",
        package="voicepipe.tests",
        syntax="proto3",
        dependency=[StringValue.DESCRIPTOR.file.name],
    )
    service = file.service.add(name=name)
    for method, (client_streaming, server_streaming) in methods.items():
        service.method.add(
            name=method,
            input_type=".google.protobuf.StringValue",
            output_type=".google.protobuf.StringValue",
            client_streaming=client_streaming,
            server_streaming=server_streaming,
        )
    Default().AddSerializedFile(file.SerializeToString())
    return Default().FindServiceByName(f"voicepipe.tests.{name}")


ECHO = descriptor("Echo", Say=(False, False), SayOpenly=(False, False), Repeat=(False, True), Join=(True, False))


@dataclass
class Echo:
    """`events` is what has happened: `begun` and `ended by NAME OF AN ERROR`."""

    error: Exception | None = None
    cleans_up_for_s: float = 0
    calls: list[Call] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    tasks: set[Any] = field(default_factory=set)

    async def say(self, call: Call, request: StringValue) -> StringValue:
        try:
            self._begin()
            return StringValue(value=await self._done(request.value) or str(call.user.id))
        except BaseException as error:
            self._end(error)
            if self.cleans_up_for_s:
                await asyncio.sleep(self.cleans_up_for_s)
                self.events.append("cleaned up")
            raise

    async def say_openly(self, _: Call, request: StringValue) -> StringValue:
        return StringValue(value=await self._done(request.value))

    async def repeat(self, call: Call, request: StringValue) -> AsyncIterator[StringValue]:
        """`pour` sends without end."""
        self.calls.append(call)
        try:
            self._begin()
            for _index in range(1_000_000 if request.value == "pour" else 3):
                yield StringValue(value="x" * 100_000 if request.value == "pour" else request.value)
            await self._done("wait" if request.value == "then wait" else "fail" if request.value == "then fail" else "")
        except BaseException as error:
            self._end(error)
            raise

    async def join(self, _: Call, requests: AsyncIterator[StringValue]) -> StringValue:
        """Waits unless the last request is `end`: a stream that breaks looks like one that ends."""
        try:
            self._begin()
            texts = [request.value async for request in requests]
            await self._done("" if texts[-1:] == ["end"] else "wait")
            return StringValue(value=" ".join(texts))
        except BaseException as error:
            self._end(error)
            raise

    async def _done(self, wish: str) -> str:
        match wish:
            case "fail":
                raise self.error
            case "wait":
                await asyncio.Event().wait()
        return wish

    def _begin(self) -> None:
        self.tasks.add(asyncio.current_task())
        self.events.append("begun")

    def _end(self, error: BaseException) -> None:
        self.tasks.add(asyncio.current_task())
        self.events.append(f"ended by {type(error).__name__}")


class Keys:
    """Stands for the table of keys: it has one."""

    async def fetchrow(self, _: str, digest: bytes) -> dict[str, Any] | None:
        return {"id": USER_ID, "name": "ada", "is_operator": False} if digest == key_hash(KEY) else None


@dataclass
class Served:
    echo: Echo
    server: RpcServer
    channel: grpc.aio.Channel
    stop: asyncio.Event
    running: asyncio.Task[None]

    def call(self, method: str, request: Any, **more: Any) -> Any:
        """Call a method of Echo with a text, or with bytes as they are; Join takes an iterator of them."""
        more = {"metadata": WITH_KEY, "timeout": 30} | more
        kind = {"Repeat": self.channel.unary_stream, "Join": self.channel.stream_unary}.get(
            method, self.channel.unary_unary
        )
        return kind(f"/{NAME}/{method}", _bytes, StringValue.FromString)(request, **more)


def _bytes(request: str | bytes) -> bytes:
    return request if isinstance(request, bytes) else StringValue(value=request).SerializeToString()


@asynccontextmanager
async def serving(
    *, checks: Any = None, grace_s: float = 5, translate: Any = lambda _: None, reflected: Any = (), **settings: Any
) -> AsyncIterator[Served]:
    echo, stop = Echo(), asyncio.Event()
    service = Service(ECHO, echo, Authenticator(Keys()), open_methods=["SayOpenly"], translate=translate)
    server = RpcServer(
        RpcSettings(**({"grpc_port": 0} | settings)), [service], checks or {}, reflected=reflected, grace_s=grace_s
    )
    running = asyncio.create_task(server.run(stop))
    # A connection of its own: gRPC shares those with the same arguments.
    options = [("grpc.use_local_subchannel_pool", 1)]
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options) as channel:
            yield Served(echo, server, channel, stop, running)
    finally:
        stop.set()
        await running


async def failure(call: Any) -> tuple[grpc.StatusCode, str, Status | None]:
    """The code, the text and the details of a call that fails; a stream is read until it does."""
    try:
        if hasattr(call, "read"):
            while await call.read() is not grpc.aio.EOF:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as error:
        found = [value for key, value in error.trailing_metadata() or () if key == DETAILS_KEY]
        return error.code(), error.details(), Status.FromString(found[0]) if found else None
    raise AssertionError("the call succeeded")
