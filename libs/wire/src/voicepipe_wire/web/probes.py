"""The outermost ASGI app of every process: health, readiness and metrics, and the service's own app once it has started.

| path | answers |
|---|---|
| `/healthz` | 200 as long as the event loop runs and what must never stop is alive |
| `/readyz` | 200 or 503, with the state of everything that the process depends on |
| `/metrics` | the metrics of the process, for Prometheus |
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from voicepipe_wire import __version__
from voicepipe_wire.errors import Problem

from .problems import problem_response

CHECK_TIMEOUT_S = 2.0
STARTING_RETRY_AFTER_S = 5

DEPENDENCY_UP = Gauge("voicepipe_dependency_up", "Whether the last check of a dependency passed", ["dependency"])

# Name of a dependency -> a check that raises when it is unusable.
Checks = Mapping[str, Callable[[], Awaitable[object]]]


class Probes:
    """Starting until `start` is called, stopping after `stop`. `checks` determine readiness, `reported` do not.

    A failed check of `alive` means that only a restart helps.
    """

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._checks: Checks = {}
        self._reported: Checks = {}
        self._alive: Checks = {}
        self._waiting: dict[str, str] = {}
        self._phase = "starting"

    def wait_for(self, dependency: str, reason: str) -> None:
        """Show what the process waits for."""
        self._waiting = {**dict.fromkeys(self._waiting, "ok"), dependency: f"unavailable: {reason}"}
        DEPENDENCY_UP.labels(dependency).set(0)

    def start(self, app: ASGIApp | None, checks: Checks, reported: Checks, alive: Checks) -> None:
        self._app, self._checks, self._reported, self._alive = app, checks, reported, alive
        for dependency in self._waiting:
            DEPENDENCY_UP.labels(dependency).set(1)
        self._phase = "ready"

    def stop(self) -> None:
        """Answer that the process is not ready; requests are still served."""
        self._phase = "stopping"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope["path"]) if scope["type"] == "http" else None
        if response is not None:
            await response(scope, receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)

    async def _answer(self, path: str) -> Response | None:
        match path:
            case "/healthz":
                return await self._liveness()
            case "/readyz":
                return await self._readiness()
            case "/metrics":
                return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
        if self._phase == "starting":
            return problem_response(Problem.of("starting", retry_after_s=STARTING_RETRY_AFTER_S))
        return problem_response(Problem.of("not_found", what="page")) if self._app is None else None

    async def _liveness(self) -> Response:
        states = await states_of(self._alive)
        if all(state == "ok" for state in states.values()):
            return JSONResponse({"status": "ok", "version": __version__})
        return JSONResponse({"status": "dead", "checks": states}, HTTPStatus.SERVICE_UNAVAILABLE)

    async def _readiness(self) -> Response:
        states = await states_of({**self._checks, **self._reported})
        for name, state in states.items():
            DEPENDENCY_UP.labels(name).set(state == "ok")
        status = self._phase
        if status == "ready" and any(states[name] != "ok" for name in self._checks):
            status = "unavailable"
        body = {"status": status, "checks": self._waiting if status == "starting" else states}
        return JSONResponse(body, HTTPStatus.OK if status == "ready" else HTTPStatus.SERVICE_UNAVAILABLE)


async def states_of(checks: Checks) -> dict[str, str]:
    """`ok` or the reason for each check; a check that takes longer than `CHECK_TIMEOUT_S` has failed."""

    async def state(check: Callable[[], Awaitable[object]]) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await check()
        except Exception as error:  # noqa: BLE001 - any error means not usable
            return f"unavailable: {type(error).__name__}: {error}".rstrip(": ")[:200]
        return "ok"

    return dict(zip(checks, await asyncio.gather(*map(state, checks.values())), strict=True))
