"""The common parts of every HTTP API: problem JSON for every error, a metric and a span for every request."""

from __future__ import annotations

import time
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig
from prometheus_client import Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from voicepipe_wire import telemetry
from voicepipe_wire.errors import Problem
from voicepipe_wire.failures import outage

from .failures import problem_of
from .problems import problem_response

log = structlog.get_logger(__name__)

# For every FastAPI app. The spans of FastAPI contain the query, and so names of recordings and key terms; those of
# `install` do not.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}

REQUEST_DURATION = Histogram(
    "voicepipe_http_request_duration_seconds",
    "Time to the first byte of a response",
    ["method", "route", "status"],
)


def install(app: FastAPI) -> None:
    """Add problem JSON for every error, and a metric and a span for every request."""
    kinds: tuple[type[Exception], ...] = (Problem, Exception)
    for kind in kinds:
        app.exception_handler(kind)(_on_error)
    app.exception_handler(RequestValidationError)(_on_invalid)
    app.exception_handler(HTTPException)(_on_http)
    app.add_middleware(_Outages)
    app.add_middleware(_Measure)


async def _on_error(request: Request, error: Exception) -> JSONResponse:
    return problem_response(problem_of(error, request.url.path))


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


class _Outages:
    """Answers a request that met an outage, whatever exception a library made of it. A response that has started is left incomplete.

    Starlette would log and raise again what only the handler of Exception takes: an outage is not a bug.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def noting(message: ASGIMessage) -> None:
            nonlocal has_started
            has_started |= message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            # Starlette's own RuntimeError, for an error after the start of the response, has it as its cause.
            away = outage(error) or (outage(error.__cause__) if error.__cause__ is not None else None)
            if away is None:
                raise
            if has_started:
                log.warning("response cut off", dependency=away.dependency, reason=str(away)[:200])
                return
            await problem_response(problem_of(away, scope["path"]))(scope, receive, noting)


class _Measure:
    """Plain ASGI: starlette's BaseHTTPMiddleware spends more on each block of a body than the block costs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def measured(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unknown")
                seconds = time.perf_counter() - started
                REQUEST_DURATION.labels(scope["method"], route, message["status"]).observe(seconds)
                current.update_name(f"{scope['method']} {route}")
                current.set_attribute("http.response.status_code", message["status"])
            await send(message)

        with telemetry.span(scope["method"], _text_headers(scope)) as current:
            await self._app(scope, receive, measured)


def _text_headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
