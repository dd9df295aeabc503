"""The supervisor: starts components in order, keeps them running, stops them in reverse, and serves control requests.

It is the reaper of its descendants, so the orphans of a dead component become its children, and `_sweep` kills every
child that it does not know. `_reap_lock` keeps a sweep from killing a process between its start and its registration:
it is held during a sweep, and wherever a process is started (`run_command`, `ProcessSupervisor`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import guard, logs
from .component import CannotStart, Component, reason
from .control import serve
from .data_dir import DataDir
from .memory import memory_bytes
from .process import Process, kill_orphans
from .process_supervisor import ProcessSupervisor, State, StoppedMeanwhile, ended_by
from .standalone import last_lines

_TICK_S = 5.0


@dataclass(frozen=True, slots=True)
class OneOffTask:
    """Work that runs once between two groups of components, such as the migrations."""

    name: str
    run: Callable[[Supervisor], Awaitable[None]]


StartStep = tuple[Component, ...] | OneOffTask


class StartFailed(Exception):
    """A component or a one-off task failed; the message says which, why, and where its log is."""


class Supervisor:
    """Runs the steps one after another; the components of one step start concurrently."""

    def __init__(
        self,
        data_dir: DataDir,
        steps: Iterable[StartStep],
        report: Callable[[str], None],
        facts: Mapping[str, str] | None = None,
        asleep: frozenset[str] = frozenset(),
    ) -> None:
        """`asleep` are components that are not started with the others, but when somebody asks for them."""
        self.data_dir = data_dir
        self._report = report
        self._facts = dict(facts or {})
        self._steps = tuple(steps)
        self._asleep = asleep
        self._reap_lock = asyncio.Lock()
        self._supervisors = {
            component.name: ProcessSupervisor(
                component, data_dir.log(component.name), reap_lock=self._reap_lock, sweep=self._sweep
            )
            for step in self._steps
            if isinstance(step, tuple)
            for component in step
        }
        self._command_pids: set[int] = set()
        self._steering: set[asyncio.Task[dict[str, Any]]] = set()
        self._stop = asyncio.Event()
        self._ready = False

    async def run(self) -> int:
        """Run until a signal or a control request stops it. The exit code is 1 if the start failed, else 0."""
        guard.become_reaper()
        guard.die_with_parent(signal.SIGTERM)  # without its guard a stack stops in order
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_stop_signal)
        async with serve(self.data_dir.path, self._handle):
            starting = asyncio.create_task(self._start())
            stopping = asyncio.create_task(self._stop.wait())
            ticking = asyncio.create_task(self._tick())
            try:
                await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done() and (error := starting.exception()):
                    self._report(f"Voicepipe did not start: {error}")
                    return 1
                await stopping
                return 0
            finally:
                self._stop.set()  # nothing is started from here on
                running = (starting, stopping, ticking, *self._steering)
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                await self._shut_down()

    async def run_command(self, name: str, *command: str, env: Mapping[str, str], output: Path | None = None) -> None:
        """Run a command and wait for it. Its output goes to the log `name`; with `output`, its stdout goes there.

        Raises:
            CannotStart: it failed.
        """
        async with self._reap_lock:
            process = Process(command, log=self.data_dir.log(name), env=env, output=output)
            self._command_pids.add(process.pid)
        try:
            if code := await process.wait():
                raise CannotStart(ended_by(code))
        except asyncio.CancelledError:
            process.send(signal.SIGKILL)
            await process.wait()
            raise
        finally:
            self._command_pids.discard(process.pid)

    async def _start(self) -> None:
        for step in self._steps:
            if isinstance(step, OneOffTask):
                await self._run_step(step.name, step.run(self))
                continue
            try:
                async with asyncio.TaskGroup() as group:
                    for component in step:
                        if component.name in self._asleep:
                            self._supervisors[component.name].state = State.STOPPED
                            continue
                        group.create_task(self._run_step(component.name, self._supervisors[component.name].start()))
            except* StartFailed as failures:
                raise failures.exceptions[0] from None
        self._ready = True
        self._report("everything is up")

    async def _run_step(self, name: str, work: Awaitable[None]) -> None:
        started = time.monotonic()
        try:
            await work
        except Exception as error:
            log = self.data_dir.log(name)
            failure = StartFailed(f"{name}: {reason(error)}. Log: {log}\n{last_lines(log)}")
            raise failure from error
        self._report(f"{name:<15} ready after {time.monotonic() - started:4.1f} s")

    async def _shut_down(self) -> None:
        for step in reversed(self._steps):
            if isinstance(step, tuple):
                await asyncio.gather(*(self._supervisors[component.name].stop() for component in step))
        guard.kill_descendants(os.getpid())

    def _on_stop_signal(self) -> None:
        if self._stop.is_set():  # a second signal: do not wait for grace periods
            for process_supervisor in self._supervisors.values():
                process_supervisor.kill()
        self._stop.set()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            await self._sweep()
            for log in self.data_dir.logs.glob("*.log"):
                logs.limit(log)

    async def _sweep(self) -> None:
        async with self._reap_lock:
            kill_orphans(
                {process_supervisor.pid for process_supervisor in self._supervisors.values() if process_supervisor.pid}
                | self._command_pids
            )

    async def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        match request:
            case {"ask": "ps"}:
                components = await asyncio.gather(*map(self._describe, self._supervisors.values()))
                return {"ready": self._ready, "pid": os.getpid(), "facts": self._facts, "components": components}
            case {"ask": "ready"}:
                return {"ready": self._ready}
            case {"ask": "down"}:
                self._stop.set()
                return {"stopping": True}
            case {"ask": "states"}:
                return {"components": [self._state(one) for one in self._supervisors.values()]}
            case {"ask": "start" | "stop" | "restart" as verb, "component": str(name)} if name in self._supervisors:
                return await self._on_steer(self._supervisors[name], verb, wait=request.get("wait") != "no")
        return {"error": f"unknown request or component; the components are {', '.join(self._supervisors)}"}

    async def _on_steer(self, process_supervisor: ProcessSupervisor, verb: str, *, wait: bool) -> dict[str, Any]:
        if self._stop.is_set():
            return {"error": "the stack is stopping"}
        steering = asyncio.create_task(self._steer(process_supervisor, verb))
        self._steering.add(steering)
        steering.add_done_callback(self._steering.discard)
        return await steering if wait else {"component": process_supervisor.component.name}

    async def _steer(self, process_supervisor: ProcessSupervisor, verb: str) -> dict[str, Any]:
        if verb != "start" or process_supervisor.state is State.STOPPING:
            await process_supervisor.stop()
        if verb != "stop" and process_supervisor.state is State.STOPPED and not self._stop.is_set():
            try:
                await process_supervisor.start()
            except StoppedMeanwhile as error:
                return {"error": str(error)}
            except Exception as error:  # noqa: BLE001 - any failure is reported, to the client and in the log
                failure = f"{process_supervisor.component.name}: {reason(error)}. Log: {process_supervisor.log}"
                self._report(failure)
                return {"error": failure}
        return {"component": process_supervisor.component.name, "state": process_supervisor.state}

    def _state(self, process_supervisor: ProcessSupervisor) -> dict[str, Any]:
        return {
            "name": process_supervisor.component.name,
            "state": process_supervisor.state,
            "asked_at_s": process_supervisor.asked_at_s,
            "ready_at_s": process_supervisor.ready_at_s,
            "restarts": process_supervisor.restarts,
        }

    async def _describe(self, process_supervisor: ProcessSupervisor) -> dict[str, Any]:
        return {
            "name": process_supervisor.component.name,
            "state": process_supervisor.state,
            "health": await process_supervisor.health() if process_supervisor.pid else "",
            "version": process_supervisor.component.version,
            "address": process_supervisor.component.address,
            "pid": process_supervisor.pid,
            "restarts": process_supervisor.restarts,
            "problem": process_supervisor.problem,
            "memory_bytes": await asyncio.to_thread(memory_bytes, process_supervisor.pid)
            if process_supervisor.pid
            else 0,
            "log": str(process_supervisor.log),
        }
