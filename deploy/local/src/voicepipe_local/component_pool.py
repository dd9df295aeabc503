"""The components of a running stack as pools of workers: they start and stop as the autoscaler decides.

A pool of speech models also has its Triton. It runs while a worker of the pool does, which gives back the memory of the model when
the last one has stopped.

Races:

- A component is started or stopped by hand, or dies. Each request reads the states again, and names only components that are still
  as the decision has seen them; the next pass finds the rest.
- Triton is still stopping when a worker starts again. `look` starts it in the next pass that finds it stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicepipe_autoscaler.control.target import Replicas, TargetAway
from voicepipe_autoscaler.observation import Pod

from . import control
from .control import NotRunning
from .process_supervisor import State

_RUNNING = {State.WAITING, State.STARTING, State.UP, State.RESTARTING}


class ComponentPool:
    """Implements `Target`. `names` are the components of the pool, in the order in which they are started."""

    def __init__(self, data: Path, names: tuple[str, ...], companion: str | None = None) -> None:
        self._data = data
        self._names = names
        self._companion = companion
        self._costs: dict[str, int] = {}

    async def look(self) -> Replicas:
        states = await self._states()
        running = [states[name] for name in self._names if states[name]["state"] in _RUNNING]
        self._costs = {name: cost for name, cost in self._costs.items() if name in {one["name"] for one in running}}
        await self._steer_companion(states)
        return Replicas(len(running), tuple(map(self._pod, running)))

    async def scale(self, replicas: int, going: tuple[str, ...]) -> None:
        states = await self._states()
        running = [name for name in self._names if states[name]["state"] in _RUNNING]
        if replicas < len(running):
            for name in [name for name in going if name in running][: len(running) - replicas]:
                await self._ask("stop", component=name, wait="no")
            return
        free = [name for name in self._names if states[name]["state"] == State.STOPPED]
        for name in free[: replicas - len(running)]:
            await self._ask("start", component=name, wait="no")
        await self._steer_companion(await self._states())

    async def set_costs(self, costs: Mapping[str, int]) -> None:
        self._costs |= costs

    def _pod(self, state: Mapping[str, Any]) -> Pod:
        return Pod(
            name=state["name"],
            asked_at_s=state["asked_at_s"] or time.time(),
            ready_at_s=state["ready_at_s"] if state["state"] == State.UP else None,
            deletion_cost=self._costs.get(state["name"], 0),
            restarts=state["restarts"],
            uid=state["name"],
        )

    async def _steer_companion(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Start the companion if a worker runs, and stop it if all workers have stopped."""
        if self._companion is None:
            return
        state, workers = states[self._companion]["state"], [states[name]["state"] for name in self._names]
        if state == State.STOPPED and any(one in _RUNNING for one in workers):
            await self._ask("start", component=self._companion, wait="no")
        elif state in _RUNNING and all(one == State.STOPPED for one in workers):
            await self._ask("stop", component=self._companion, wait="no")

    async def _states(self) -> dict[str, Mapping[str, Any]]:
        return {one["name"]: one for one in (await self._ask("states"))["components"]}

    async def _ask(self, verb: str, **arguments: str) -> dict[str, Any]:
        try:
            answer = await asyncio.to_thread(control.ask, self._data, {"ask": verb, **arguments})
        except NotRunning as error:
            raise TargetAway(str(error)) from error
        if "error" in answer:
            raise TargetAway(answer["error"])
        return answer
