"""The methods of a gRPC service, each with what all of them share: the API key, errors, a metric, a span.

A service is an object with one coroutine, or for a stream of responses one asynchronous generator, for each method of its
descriptor, named in snake case: `Transcriptions.DiarizeAgain` is `diarize_again(call, request)`.

gRPC cancels the task of a method when its client cancels, disconnects, or its deadline has passed. So a cancellation reaches
whatever the method awaits, but for the next request: to a method, a stream of requests that breaks looks like one that ends.
A stream of responses is written and closed in that task too, because gRPC would leave the generator of a cancelled call to the
garbage collector.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from prometheus_client import Histogram

from voicepipe_wire import aio, telemetry
from voicepipe_wire.errors import Problem
from voicepipe_wire.web.auth import Authenticator, User
from voicepipe_wire.web.failures import problem_of

from .status import DETAILS_KEY, code_of, status_of

REQUEST_DURATION = Histogram(
    "voicepipe_grpc_request_duration_seconds",
    "Time to the first message of a response, or to the error",
    ["method", "code"],
)
_ENDED_BY_CLIENT: Final = "CANCELLED"

# Says which problem an exception is; None leaves it to `web.failures`.
Translate = Callable[[Exception], Problem | None]


@dataclass(slots=True)
class Call:
    """One call of a method. `user` is who called; only methods that are open to everybody have none."""

    context: grpc.aio.ServicerContext
    known_user: User | None
    first_message_at: float | None = None
    task: asyncio.Task[object] | None = None
    interrupted_by: Problem | None = None

    @property
    def user(self) -> User:
        assert self.known_user is not None  # noqa: S101 - the method is not open
        return self.known_user

    def require_operator(self) -> User:
        """The user.

        Raises:
            Problem: 403 `operators_only`.
        """
        if not self.user.is_operator:
            raise Problem.of("operators_only")
        return self.user

    def header(self, name: str) -> str | None:
        """A value of the metadata that the client sent."""
        return _headers(self.context.invocation_metadata()).get(name)

    def answers(self) -> None:
        """The first message of the response is there."""
        self.first_message_at = self.first_message_at or time.perf_counter()

    def interrupt(self, problem: Problem) -> None:
        """End the call with this problem, even while it waits in a write that may never end."""
        self.interrupted_by = problem
        if self.task is not None:
            self.task.cancel()


class Service:
    """Binds an object to the descriptor of a service. `open_methods` need no API key."""

    def __init__(
        self,
        descriptor: ServiceDescriptor,
        methods: object,
        authenticate: Authenticator,
        *,
        open_methods: Iterable[str] = (),
        translate: Translate = lambda _: None,
    ) -> None:
        self.name: str = descriptor.full_name
        self._methods = methods
        self._authenticate = authenticate
        self._open_methods = frozenset(open_methods)
        self._translate = translate
        self._tasks: set[asyncio.Task[object]] = set()
        self.handler = grpc.method_handlers_generic_handler(
            self.name, {method.name: self._bind(method) for method in descriptor.methods}
        )

    async def ended(self) -> None:
        """Wait until no call is open, including what cancelled ones clean up."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _bind(self, method: MethodDescriptor) -> grpc.RpcMethodHandler:
        function = getattr(self._methods, re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower())
        read = _reader(GetMessageClass(method.input_type))

        async def unary(request: bytes, context: grpc.aio.ServicerContext) -> Message:
            async with self._call(method, context) as call:
                response: Message = await function(call, read(request))
                call.answers()
                return response
            raise AssertionError

        async def responses(request: bytes, context: grpc.aio.ServicerContext) -> None:
            async with self._call(method, context) as call, aclosing(function(call, read(request))) as messages:
                async for response in messages:
                    if call.first_message_at is None:
                        # To its end: gRPC sends no status to a call that was interrupted while these were on their way.
                        await aio.finish(context.send_initial_metadata(()))
                    call.answers()
                    await context.write(response)

        async def requests(parts: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> Message:
            async with self._call(method, context) as call:
                response: Message = await function(call, (read(part) async for part in parts))
                call.answers()
                return response
            raise AssertionError

        match method.client_streaming, method.server_streaming:
            case False, False:
                return grpc.unary_unary_rpc_method_handler(unary, response_serializer=_serialized)
            case False, True:
                return grpc.unary_stream_rpc_method_handler(responses, response_serializer=_serialized)
            case True, False:
                return grpc.stream_unary_rpc_method_handler(requests, response_serializer=_serialized)
        raise NotImplementedError(f"{method.full_name} streams in both directions")

    @asynccontextmanager
    async def _call(self, method: MethodDescriptor, context: grpc.aio.ServicerContext) -> AsyncIterator[Call]:
        started, code = time.perf_counter(), _ENDED_BY_CLIENT
        headers = _headers(context.invocation_metadata())
        call = Call(context, None, task=asyncio.current_task())
        self._keep(call.task)
        with telemetry.span(f"{self.name}/{method.name}", headers) as span:
            try:
                if method.name not in self._open_methods:
                    call.known_user = await self._authenticate.user(headers)
                yield call
                code = grpc.StatusCode.OK.name
            except grpc.aio.BaseError:
                raise  # the client is gone while something was sent to it: there is nobody to tell
            except asyncio.CancelledError:
                if call.task is None or call.interrupted_by is None:
                    raise
                call.task.uncancel()
                code = code_of(call.interrupted_by).name
                await _abort(context, call.interrupted_by)
            except Exception as error:  # noqa: BLE001 - each becomes a status
                problem = self._translate(error) or problem_of(error, f"{self.name}/{method.name}")
                code = code_of(problem).name
                await _abort(context, problem)
            finally:
                span.set_attribute("rpc.grpc.status_code", code)
                until = call.first_message_at or time.perf_counter()
                REQUEST_DURATION.labels(f"{self.name}/{method.name}", code).observe(until - started)

    def _keep(self, task: asyncio.Task[object] | None) -> None:
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _abort(context: grpc.aio.ServicerContext, problem: Problem) -> None:
    await context.abort(code_of(problem), problem.detail, ((DETAILS_KEY, status_of(problem).SerializeToString()),))


def _reader(kind: type[Message]) -> Callable[[bytes], Message]:
    def read(data: bytes) -> Message:
        try:
            return kind.FromString(data)
        except DecodeError:
            raise Problem.of("bad_request") from None

    return read


def _serialized(message: Message | bytes) -> bytes:
    """Bytes are a message that was serialized before, once for all who receive it."""
    return message if isinstance(message, bytes) else message.SerializeToString()


def _headers(metadata: Iterable[tuple[str, str | bytes]] | None) -> Mapping[str, str]:
    return {key: value for key, value in metadata or () if isinstance(value, str)}
