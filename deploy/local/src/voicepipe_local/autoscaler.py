"""Starts and stops the workers of a running stack as the queue requires: `python -m voicepipe_local.autoscaler DATA`.

The decisions are those of the operator in a cluster (`voicepipe_autoscaler.decide`), for processes instead of pods.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import structlog
from pydantic import Field
from voicepipe_autoscaler.control.loop import PassLoop
from voicepipe_autoscaler.control.queue_watch import QueueWatch, SnapshotReader
from voicepipe_autoscaler.control.reconcile import Pass, Reconciler
from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.pool import PoolSpec, WakeOn
from voicepipe_wire import aio
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.service import Running, Startup, run_service
from voicepipe_wire.settings import ProcessSettings

from .component_pool import ComponentPool
from .scaled_pools import POOLS, ScaledPool, from_json

log = structlog.get_logger(__name__)

SNAPSHOT_EVERY_S = 1.0
REMEMBER_EVERY_S = 30.0
TARGETS_S = {"premium": 60.0, "standard": 600.0}


class Settings(ProcessSettings):
    # How long the last worker of a pool stays after the last work.
    autoscale_cooldown_s: float = Field(300.0, ge=0)
    # A worker is stopped if it was not needed for this long.
    autoscale_down_window_s: float = Field(300.0, ge=0)


def spec(pool: ScaledPool, settings: Settings) -> PoolSpec:
    return PoolSpec(
        targets_s=TARGETS_S,
        max_replicas=len(pool.components),
        min_replicas=pool.min_replicas,
        slots=pool.slots,
        speed=pool.speed,
        cold_start_s=pool.cold_start_s,
        down_stabilisation_s=settings.autoscale_down_window_s,
        cooldown_s=settings.autoscale_cooldown_s,
        wake_on=WakeOn.PREPARE,
    )


class Memories:
    """What is remembered of each pool, in a file of the data directory. A broken file is forgotten."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._memories: dict[str, object] = {}
        with suppress(OSError, ValueError, RecursionError):
            found = json.loads(path.read_text(encoding="utf-8"))
            self._memories = found if isinstance(found, dict) else {}
        self._written_at = time.monotonic()

    def load(self, pool: str) -> Memory:
        return Memory.from_json(self._memories.get(pool))

    def remember(self, pool: str, done: Pass) -> None:
        self._memories[pool] = done.decision.memory.to_json()
        if done.changes or time.monotonic() - self._written_at > REMEMBER_EVERY_S:
            self._written_at = time.monotonic()
            try:
                self._write()
            except OSError as error:
                log.warning("memory not written", path=str(self._path), reason=str(error))

    def _write(self) -> None:
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(self._memories), encoding="utf-8")
        draft.replace(self._path)


class LocalPool:
    """One pool of this machine, with its memory."""

    def __init__(self, pool: ScaledPool, reconciler: Reconciler, settings: Settings, memories: Memories) -> None:
        self._name = pool.name
        self._spec = spec(pool, settings)
        self._reconciler = reconciler
        self._memories = memories
        self._memory = memories.load(pool.name)

    async def step(self) -> None:
        done = await self._reconciler.run(self._spec, self._memory)
        self._memory = done.decision.memory
        if done.changes:
            log.info("replicas", pool=self._name, reason=str(done.decision.reason), sum=done.decision.message)
        self._memories.remember(self._name, done)


@asynccontextmanager
async def start(data: Path, settings: Settings, startup: Startup) -> AsyncIterator[Running]:
    memories = Memories(data / "autoscaler.json")
    async with broker.connect(settings, "autoscaler") as jetstream:
        await startup.wait_for("nats", jetstream.check)
        snapshots = SnapshotReader(jetstream, time.time)

        def loop(pool: ScaledPool) -> PassLoop:
            target = ComponentPool(data, pool.components, pool.companion)
            watch = QueueWatch(jetstream, Queue(pool.stage, pool.pool or None), snapshots, time.time)
            return PassLoop(pool.name, LocalPool(pool, Reconciler(target, watch, time.time), settings, memories).step)

        loops = [loop(pool) for pool in from_json((data / POOLS).read_text(encoding="utf-8"))]

        async def read_snapshots(stop: asyncio.Event) -> None:
            while not await aio.pause(stop, SNAPSHOT_EVERY_S):
                await snapshots.read()

        async def work(stop: asyncio.Event) -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(read_snapshots(stop))
                for one in loops:
                    tasks.create_task(one.run(stop))

        checks = {f"pool {one.name}": one.check for one in loops}
        yield Running(work, checks=checks, reported={"nats": jetstream.check})


def main() -> int:
    return run_service("autoscaler", Settings, partial(start, Path(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
