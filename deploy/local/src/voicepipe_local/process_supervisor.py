"""Supervision of one component: start, watch, restart when it dies, stop.

Races:

- An orphan sweep kills every child of this process that it does not know. `reap_lock` is held during a sweep, and
  from `prepare`, which may run helper processes, until the component's process is recorded; so a sweep never kills
  either. A `prepare` whose start is cancelled is waited for.
- A component is stopped while it starts. `stop` cancels the start and waits for it, so nothing is launched afterwards,
  and the start raises `StoppedMeanwhile`. A start that fails leaves nothing running, without its caller.
- Two stops at once: the second one waits for the first, and finds the component stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

from voicepipe_wire import aio

from .component import Component, reason, wait_until_healthy
from .guard import descendants
from .process import Process

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
SETTLED_AFTER_S = 30.0  # after this long up, the restart delay is reset
HEALTHY_CHECK_INTERVAL_S = 5.0
UNHEALTHY_CHECK_INTERVAL_S = 1.0
UNHEALTHY_AFTER = 3
HEALTHY, SLOW = "healthy", "slow to answer"


class State(StrEnum):
    WAITING = "waiting"  # for the components that it needs
    STARTING = "starting"
    UP = "up"
    RESTARTING = "restarting"  # it died, and is restarted after a delay
    STOPPING = "stopping"
    STOPPED = "stopped"


class StoppedMeanwhile(Exception):
    """The component was stopped while it was starting."""


class ProcessSupervisor:
    """Starts, watches, restarts and stops `component`. `sweep` kills orphaned descendants, holding `reap_lock`."""

    def __init__(
        self, component: Component, log: Path, *, reap_lock: asyncio.Lock, sweep: Callable[[], Awaitable[None]]
    ) -> None:
        self.component = component
        self.log = log
        self.state = State.WAITING
        self.restarts = 0
        self.problem = ""
        self.asked_at_s: float | None = None  # seconds since 1970, as is the next; when it died, if it has
        self.ready_at_s: float | None = None
        self.process: Process | None = None
        self._reap_lock = reap_lock
        self._sweep = sweep
        self._stopping = asyncio.Lock()
        self._start_task: asyncio.Task[None] | None = None
        self._watch_task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.alive() else None

    async def start(self) -> None:
        """Start the component; return once it is healthy and watched. It must not be running or starting.

        Raises:
            Unhealthy, CannotStart, OSError: it did not start, and is stopped.
            StoppedMeanwhile: somebody called `stop`.
        """
        self.state, self.asked_at_s, self.ready_at_s, self.problem = State.STARTING, time.time(), None, ""
        starting = self._start_task = asyncio.create_task(self._first_launch(), name=f"start {self.component.name}")
        try:
            await asyncio.wait({starting})
        except asyncio.CancelledError:
            starting.cancel()
            raise
        if starting.cancelled():
            raise StoppedMeanwhile(f"{self.component.name} was stopped while it was starting")
        starting.result()

    async def stop(self) -> None:
        """Stop the component and do not restart it."""
        async with self._stopping:
            if self.state is State.STOPPED:
                return
            self.state = State.STOPPING
            await _end(self._start_task)
            await _end(self._watch_task)
            self._start_task = self._watch_task = None
            await self._stop_process()
            self.state = State.STOPPED

    def kill(self) -> None:
        """Kill the process without waiting for its grace period."""
        if self.process:
            self.process.send(signal.SIGKILL)

    async def health(self, timeout_s: float = 3.0) -> str:
        """HEALTHY, SLOW, or the problem. Slow is not unhealthy: behind a full queue a health check returns late."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.component.healthy()
        except TimeoutError:
            return SLOW
        except Exception as error:  # noqa: BLE001 - a health check may raise anything
            return reason(error)
        return HEALTHY

    async def _first_launch(self) -> None:
        try:
            await self._launch(timeout_s=self.component.start_timeout_s)
        except Exception as error:
            self.problem = reason(error)
            await self._stop_process()
            self.state = State.STOPPED
            raise
        self._watch_task = asyncio.create_task(self._watch(), name=f"watch {self.component.name}")

    async def _launch(self, timeout_s: float) -> None:
        self.state = State.STARTING
        async with self._reap_lock:
            await aio.finish(asyncio.to_thread(self.component.prepare))
            process = self.process = Process(
                self.component.command,
                log=self.log,
                env=self.component.env,
                folder=self.component.folder,
                user=self.component.user,
            )
        await wait_until_healthy(self.component, timeout_s=timeout_s, alive=process.alive)
        self.state = State.UP
        self.ready_at_s = time.time()

    async def _stop_process(self) -> None:
        if self.process and self.process.alive():
            await self.process.stop(self.component.stop_signal, self.component.grace_s)
            await self._sweep()

    async def _watch(self) -> None:
        delay_s = FIRST_DELAY_S
        while True:
            up_at = time.monotonic()
            if self.process:
                self.problem = await self._wait_for_problem(self.process)
            if time.monotonic() - up_at > SETTLED_AFTER_S:
                delay_s = FIRST_DELAY_S
            if self.state is State.UP:
                self.asked_at_s, self.ready_at_s = time.time(), None
            self.state = State.RESTARTING
            self.restarts += 1
            await self._sweep()
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, LONGEST_DELAY_S)
            try:
                # No timeout: the component may be waiting for another one that is unavailable.
                await self._launch(timeout_s=math.inf)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may succeed
                self.problem = reason(error)

    async def _wait_for_problem(self, process: Process) -> str:
        """Wait until the component must be restarted; return why."""
        unhealthy = 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UNHEALTHY_CHECK_INTERVAL_S if unhealthy else HEALTHY_CHECK_INTERVAL_S):
                    return ended_by(await process.wait())
            if not self.component.restart_when_unhealthy:
                continue
            health = await self.health(timeout_s=10.0)
            unhealthy = 0 if health in {HEALTHY, SLOW} else unhealthy + 1
            missing = self.component.child_processes - len(descendants(process.pid))
            if unhealthy >= UNHEALTHY_AFTER or missing > 0:
                process.send(signal.SIGKILL)
                await process.wait()
                return f"{missing} of its processes died" if missing > 0 else f"unhealthy: {health}"


async def _end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, and wait until it has ended, however it does."""
    if task is not None:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # retrieved, else asyncio logs it


def ended_by(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    return f"killed by {signal.Signals(-code).name}"
