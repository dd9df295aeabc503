"""A component of the stack: one process that the supervisor (or a test) starts, watches and stops."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

# No component speaks TLS, and to load the world's certificates for every question took most of its time.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Unhealthy(Exception):
    """The component does not do its work yet, or no longer; the message says what is missing."""


class CannotStart(Exception):
    """The component can never start like this; the message says what to do."""


def no_preparation() -> None:
    """For a component that needs no preparation."""


@dataclass(frozen=True, slots=True)
class Component:
    """How one process is started, known to be healthy, and stopped.

    `healthy` raises any exception while the component is not ready; it is asked again and again, and must use the component for
    real, not only look at it. `prepare` runs before every start and may be run twice. `user` is a user to run as.
    `restart_when_unhealthy`: a process that lives but fails its health check again and again is as good as dead.
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
    start_timeout_s: float = 120.0


async def wait_until_healthy(
    component: Component, *, timeout_s: float | None = None, alive: Callable[[], bool] = lambda: True
) -> None:
    """Return once `component` is healthy.

    Raises:
        Unhealthy: it is not within `timeout_s` (its own limit by default), or `alive` says that its process has ended.
    """
    clock = asyncio.get_running_loop().time
    limit_s = component.start_timeout_s if timeout_s is None else timeout_s
    deadline_s = clock() + limit_s
    pause_s = 0.02
    while True:
        if not alive():
            raise Unhealthy(f"{component.name} ended instead of starting")
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
    """One line about `error`; some exceptions have no message of their own."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def http_client(timeout_s: float) -> httpx.AsyncClient:
    """A client for plain HTTP on this machine."""
    return httpx.AsyncClient(timeout=timeout_s, trust_env=False, verify=NO_CERTIFICATES)


async def expect_ok(url: str) -> None:
    """Raise Unhealthy unless `url` answers 200."""
    async with http_client(timeout_s=3.0) as client:
        response = await client.get(url)
    if response.status_code != httpx.codes.OK:
        raise Unhealthy(f"{url} answers {response.status_code}: {response.text[:200]}")
