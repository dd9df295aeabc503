"""A component of the stack: one process that the supervisor, or a test, starts, watches and stops."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

# No component speaks TLS, and loading the system's certificates took most of the time of every request.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Unhealthy(Exception):
    """The component does not work yet, or no longer; the message gives the reason."""


class CannotStart(Exception):
    """The component cannot start with this configuration; the message says what to do."""


def no_preparation() -> None:
    """The default of `Component.prepare`."""


@dataclass(frozen=True, slots=True)
class Component:
    """How to start one process, check its health, and stop it.

    `healthy` raises any exception while the component is not ready. It is called repeatedly, and must make the
    component do real work. `prepare` runs before every start, so it must be idempotent. The process runs as `user`
    where one is given. `restart_when_unhealthy`: restart a process that is alive but keeps failing its health check.
    `child_processes`: restart it at once if fewer processes than that are left below it.
    """

    name: str
    command: tuple[str, ...]
    address: str
    version: str
    healthy: Callable[[], Awaitable[None]]
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = no_preparation
    folder: Path | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10.0
    restart_when_unhealthy: bool = False
    child_processes: int = 0
    start_timeout_s: float = 120.0


async def wait_until_healthy(
    component: Component, *, timeout_s: float | None = None, alive: Callable[[], bool] = lambda: True
) -> None:
    """Return once `component` is healthy.

    Raises:
        Unhealthy: it was not healthy within `timeout_s` (default: `start_timeout_s`), or `alive` returned false.
    """
    clock = asyncio.get_running_loop().time
    limit_s = component.start_timeout_s if timeout_s is None else timeout_s
    deadline_s = clock() + limit_s
    pause_s = 0.02
    while True:
        if not alive():
            raise Unhealthy(f"{component.name} exited while it was starting")
        try:
            async with asyncio.timeout(5.0):
                await component.healthy()
        except Exception as error:
            if clock() > deadline_s:
                raise Unhealthy(f"{component.name} is not ready after {limit_s:.0f} s: {reason(error)}") from error
        else:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.3, 0.5)


def reason(error: BaseException) -> str:
    """`error` in one line: its message, or its type if it has none."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def http_client(timeout_s: float) -> httpx.AsyncClient:
    """A client for plain HTTP on loopback."""
    return httpx.AsyncClient(timeout=timeout_s, trust_env=False, verify=NO_CERTIFICATES)


async def expect_ok(url: str) -> None:
    """Check that `url` returns 200.

    Raises:
        Unhealthy: it returned another status.
    """
    async with http_client(timeout_s=3.0) as client:
        response = await client.get(url)
    if response.status_code != httpx.codes.OK:
        raise Unhealthy(f"{url} returned {response.status_code}: {response.text[:200]}")
