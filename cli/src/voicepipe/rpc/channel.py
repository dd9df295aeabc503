"""One gRPC connection to the server, and its calls: their failures are turned into named errors."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import grpc

from voicepipe import __version__
from voicepipe.address import grpc_target
from voicepipe.errors import InvalidSettings

from .failures import SILENCE_S, failure_of, timed_out

# The variable that httpx and OpenSSL read, too.
_CA_FILE: Final = "SSL_CERT_FILE"
_OPTIONS: Final = (
    ("grpc.primary_user_agent", f"voicepipe/{__version__}"),
    # `Pace` alone decides when to try again.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # How long one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 10_000),
    # Finds a connection that died without a word while an upload or an event stream is quiet.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Clients in one process do not share connections.
    ("grpc.use_local_subchannel_pool", 1),
)


class Channel:
    """Opened by the first call: gRPC binds a channel to the event loop that is running then."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self._target, self._uses_tls = grpc_target(base_url)
        self.metadata = (("authorization", f"Bearer {api_key}"),)

    @cached_property
    def connection(self) -> grpc.aio.Channel:
        if self._uses_tls:
            return grpc.aio.secure_channel(self._target, grpc.ssl_channel_credentials(_roots()), _OPTIONS)
        return grpc.aio.insecure_channel(self._target, _OPTIONS)

    async def aclose(self) -> None:
        if "connection" in self.__dict__:
            await self.connection.close()

    async def answer(self, method: Any, request: Any) -> Any:
        """The answer to one request."""
        async with self.named_errors():
            return await method(request, metadata=self.metadata, timeout=SILENCE_S)

    async def parts(self, method: Any, request: Any) -> AsyncGenerator[Any, None]:
        """The messages of a streamed answer. They may come for hours, but not be silent for a minute."""
        call = method(request, metadata=self.metadata)
        try:
            while (part := await self._next(call)) is not grpc.aio.EOF:
                yield part
        finally:
            call.cancel()

    async def _next(self, call: Any) -> Any:
        async with self.named_errors(), asyncio.timeout(SILENCE_S):
            return await call.read()

    @asynccontextmanager
    async def named_errors(self) -> AsyncIterator[None]:
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise failure_of(error, self.base_url) from error
        except TimeoutError:
            raise timed_out() from None


def _roots() -> bytes | None:
    """The authorities to trust; None: those of the gRPC library.

    Raises:
        InvalidSettings: SSL_CERT_FILE cannot be read.
    """
    file = os.environ.get(_CA_FILE)
    if not file:
        return None
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InvalidSettings(f"{_CA_FILE} is {file}, which cannot be read: {error.strerror}.") from None
