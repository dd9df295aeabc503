"""The common parts of every HTTP server: problems, health, metrics, start and stop."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from voicepipe_wire import __version__, telemetry
from voicepipe_wire.errors import Problem, RetryLater
from voicepipe_wire.storage.database import TRANSIENT_ERRORS

from .problems import problem_response

log = structlog.get_logger(__name__)

UNAVAILABLE_RETRY_AFTER_S = 5
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

# For every FastAPI app. The spans of FastAPI contain the query, and so names of recordings and key terms; those of
# `install` do not.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}

REQUEST_DURATION = Histogram(
    "voicepipe_http_request_duration_seconds",
    "Time to the first byte of a response",
    ["method", "route", "status"],
)

# Name of a dependency -> a check that raises when it is unusable.
Checks = Mapping[str, Callable[[], Awaitable[object]]]


def install(app: FastAPI, checks: Checks) -> None:
    """Add problem JSON for every error, `/healthz`, `/readyz`, `/metrics`, and a metric and a span per request."""
    app.exception_handler(Problem)(_on_problem)
    app.exception_handler(RetryLater)(_on_unavailable)
    for kind in TRANSIENT_ERRORS:
        app.exception_handler(kind)(_on_unavailable)
    app.exception_handler(RequestValidationError)(_on_invalid)
    app.exception_handler(HTTPException)(_on_http)
    app.exception_handler(Exception)(_on_bug)
    app.add_middleware(_Measure)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        return await readiness(checks)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def readiness(checks: Checks) -> JSONResponse:
    """200 if every check passes within 2 s, else 503; the body has the result of each."""

    async def state(check: Callable[[], Awaitable[object]]) -> str:
        try:
            async with asyncio.timeout(2):
                await check()
        except Exception as error:  # noqa: BLE001 - any error means not ready
            return f"unavailable: {type(error).__name__}"
        return "ok"

    states = dict(zip(checks, await asyncio.gather(*map(state, checks.values())), strict=True))
    ready = all(value == "ok" for value in states.values())
    return JSONResponse({"status": "ready" if ready else "unavailable", "checks": states}, 200 if ready else 503)


async def serve(
    app: FastAPI, host: str, port: int, work: Callable[[asyncio.Event], Awaitable[object]] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, alongside `work`, which ends when its event is set. If either fails, both end."""
    stop = asyncio.Event()
    server = _Server(
        uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=10)
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def end_server() -> None:
        await stop.wait()
        server.should_exit = True

    async def run_server() -> None:
        await server.serve()
        stop.set()

    async def run_work() -> None:
        if work is not None:
            await work(stop)
            stop.set()

    async with asyncio.TaskGroup() as tasks:
        for task in (end_server, run_server, run_work):
            tasks.create_task(task())


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: `serve` has more to stop."""

    def capture_signals(self) -> Any:
        return nullcontext()


async def _on_problem(_: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, Problem)  # noqa: S101 - narrows the type
    return problem_response(problem)


async def _on_unavailable(_: Request, error: Exception) -> JSONResponse:
    log.warning("dependency unavailable", error=type(error).__name__, reason=str(error)[:200])
    return problem_response(Problem.of("unavailable", retry_after_s=UNAVAILABLE_RETRY_AFTER_S))


async def _on_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - narrows the type
    reason = "; ".join(
        f"{'.'.join(map(str, fault['loc'][1:])) or 'request'}: {fault['msg']}" for fault in error.errors()
    )
    return problem_response(Problem.of("invalid_request", reason=reason))


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    """Errors of the framework itself: an unknown path or method, an unreadable body."""
    assert isinstance(error, HTTPException)  # noqa: S101 - narrows the type
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            problem = Problem.of("not_found", what="page")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            problem = Problem.of("method_not_allowed", method=request.method)
        case _:
            problem = Problem.of("bad_request")
    problem.headers |= dict(error.headers or {})
    return problem_response(problem)


async def _on_bug(request: Request, error: Exception) -> JSONResponse:
    log.error("bug in a request handler", route=request.url.path, exc_info=error)
    return problem_response(Problem.of("internal_error"))


class _Measure:
    """Plain ASGI: starlette's BaseHTTPMiddleware spends more on each block of a body than the block costs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        # No spans for probes and scrapes, which come every few seconds.
        span = telemetry.span(scope["method"], _text_headers(scope)) if scope["path"] not in PROBES else nullcontext()

        async def measured(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unknown")
                seconds = time.perf_counter() - started
                REQUEST_DURATION.labels(scope["method"], route, message["status"]).observe(seconds)
                if current is not None:
                    current.update_name(f"{scope['method']} {route}")
                    current.set_attribute("http.response.status_code", message["status"])
            await send(message)

        with span as current:
            await self._app(scope, receive, measured)


def _text_headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
