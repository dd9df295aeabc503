"""Requests that meet an outage: a problem if nothing was sent yet, else a response that is cut off; never a bug in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.web import server

OUTAGES = [
    Unavailable(Dependency.DATABASE, "away"),
    OSError(111, "Connection refused"),
    asyncpg.InterfaceError("cannot call Transaction.__aexit__(): the underlying connection is closed"),
    ExceptionGroup("several", [asyncpg.AdminShutdownError("terminating connection"), ConnectionResetError()]),
]


def app_that_raises(error: Exception) -> FastAPI:
    app = FastAPI(telemetry=server.NO_TELEMETRY)
    server.install(app)

    @app.get("/before")
    async def before() -> None:
        raise error

    @app.get("/after")
    async def after() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"begun"
            raise error

        return StreamingResponse(body())

    return app


async def get(error: Exception, path: str) -> httpx.Response:
    """The transport raises what the app raises, as uvicorn logs it."""
    transport = httpx.ASGITransport(app_that_raises(error))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.get(path)


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
async def test_an_outage_is_answered_with_when_to_try_again(error: Exception) -> None:
    answer = await get(error, "/before")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
async def test_a_response_that_meets_an_outage_is_cut_off(error: Exception) -> None:
    # Over a connection the client sees that the rest is missing; httpx's transport asserts that it has all of it.
    with capture_logs() as logs, pytest.raises(AssertionError):
        await get(error, "/after")
    assert [entry["event"] for entry in logs] == ["response cut off"]


async def test_a_bug_is_still_raised_and_logged() -> None:
    with capture_logs() as logs, pytest.raises(KeyError):
        await get(KeyError("bug"), "/before")
    assert [entry["event"] for entry in logs] == ["bug in a request handler"]
