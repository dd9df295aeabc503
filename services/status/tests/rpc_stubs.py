"""A gRPC client of status for the tests: calls by the names of methods and fields."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from voicepipe_api.v1 import admin_pb2, installation_pb2, transcriptions_pb2
from voicepipe_wire.rpc.convert import filled

METHODS: dict[str, MethodDescriptor] = {
    method.name: method
    for module in (transcriptions_pb2, installation_pb2, admin_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


class Rpc:
    """`await rpc("Get", id=...)`; of a method that streams, the stream."""

    def __init__(self, channel: grpc.aio.Channel, key: str) -> None:
        self._channel = channel
        self._metadata = (("authorization", f"Bearer {key}"),)

    def __call__(self, method: str, timeout_s: float = 30, metadata: Any = None, **fields: Any) -> Any:
        found = METHODS[method]
        make = self._channel.unary_stream if found.server_streaming else self._channel.unary_unary
        request, response = GetMessageClass(found.input_type), GetMessageClass(found.output_type)
        path = f"/{found.containing_service.full_name}/{found.name}"
        stub = make(path, request.SerializeToString, response.FromString)
        return stub(
            filled(request(), fields), metadata=self._metadata if metadata is None else metadata, timeout=timeout_s
        )

    async def parts(self, method: str, **fields: Any) -> list[Any]:
        """All messages of a stream."""
        return await rest(self(method, **fields))


@dataclass(frozen=True)
class Failure:
    """The error of a call; `reason` is the code of the catalogue, `members` are those of the problem."""

    code: str
    reason: str
    detail: str
    members: dict[str, str]
    retry_after_s: int | None
    fields: list[str]


async def failure(call: Any) -> Failure:
    """The error of a call that must fail."""
    try:
        await (rest(call) if hasattr(call, "read") else call)
    except grpc.aio.AioRpcError as error:
        return failure_of(error)
    raise AssertionError("the call succeeded")


def failure_of(error: grpc.aio.AioRpcError) -> Failure:
    found = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    details = Status.FromString(found).details if found else ()
    info, retry, bad = ErrorInfo(), RetryInfo(), BadRequest()
    kinds = [each.DESCRIPTOR.full_name for each in (info, retry, bad)]
    for each in details:
        each.Unpack((info, retry, bad)[kinds.index(each.TypeName())])
    return Failure(
        error.code().name,
        info.reason.lower(),
        error.details(),
        dict(info.metadata),
        retry.retry_delay.seconds or None,
        [each.field for each in bad.field_violations],
    )


async def take(stream: Any, count: int) -> list[Any]:
    async with asyncio.timeout(15):
        return [await _next(stream) for _ in range(count)]


async def rest(stream: Any) -> list[Any]:
    """The messages up to the end.

    Raises:
        AioRpcError: the stream ends with an error.
    """
    messages = []
    async with asyncio.timeout(60):
        while (message := await stream.read()) is not grpc.aio.EOF:
            messages.append(message)
    return messages


async def _next(stream: Any) -> Any:
    message = await stream.read()
    assert message is not grpc.aio.EOF
    return message
