"""Run the operator: `python -m voicepipe_autoscaler.operator`.

| task | does |
|---|---|
| `watch` | sees WorkerPools, Deployments and pods, with kopf (`cluster`) |
| `Lease.keep` | leads, or waits for its turn |
| `read_snapshots` | reads the backlog |
| `look_around` | reads what no watch covers: HorizontalPodAutoscalers, nodes, and what the watches may have lost |
| `supervise` | runs a loop for each WorkerPool (`managed_pool`) |

If one of them fails, the process ends and is restarted: half an operator is worse than none.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from voicepipe_wire import aio
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.service import Running, Startup, run_service

from voicepipe_autoscaler.control.loop import PassLoop
from voicepipe_autoscaler.control.queue_watch import QueueWatch, SnapshotReader
from voicepipe_autoscaler.control.target import TargetAway

from . import metrics
from .api import Api, KubernetesLease
from .cluster import Cluster, operator_settings, watch
from .deployment_target import DeploymentTarget
from .lease import Lease
from .managed_pool import ManagedPool
from .rest import Rest
from .settings import Settings
from .worker_pool import WorkerPool

log = structlog.get_logger(__name__)

SNAPSHOT_EVERY_S = 1.0
LOOK_AROUND_EVERY_S = 5.0
SUPERVISE_EVERY_S = 1.0
SELDOM = 6  # rounds of looking around
SNAPSHOTS_WITHIN_S = 10.0


class Operator:
    def __init__(self, settings: Settings, cluster: Cluster, api: Api, lease: Lease, jetstream: JetStream) -> None:
        self._settings = settings
        self._cluster = cluster
        self._api = api
        self._lease = lease
        self._jetstream = jetstream
        self._snapshots = SnapshotReader(jetstream, time.time)
        self._pools: dict[str, tuple[ManagedPool, PassLoop, asyncio.Task[None]]] = {}
        self._hpa_targets: Mapping[str, str] | None = None  # None until this process leads and has looked
        self._nodes: list[Mapping[str, Any]] | None = None

    async def read_snapshots(self, stop: asyncio.Event) -> None:
        while not await aio.pause(stop, SNAPSHOT_EVERY_S):
            await self._snapshots.read()

    async def look_around(self, stop: asyncio.Event) -> None:
        rounds = 0  # since this process leads
        while not await aio.pause(stop, LOOK_AROUND_EVERY_S if rounds else 0.1):
            if not self._lease.may_write:
                rounds, self._hpa_targets = 0, None
                continue
            if rounds % SELDOM == 0:
                await self._look_at_hpas()
                with suppress(TargetAway):
                    await self._cluster.refresh(self._api.objects, self._settings.labels)
            await self._look_at_nodes()
            rounds += 1

    async def supervise(self, stop: asyncio.Event) -> None:
        """Run a loop for each WorkerPool that exists.

        A first pass before a snapshot has been seen to change would say in every status that there are none.
        """
        until = time.monotonic() + SNAPSHOTS_WITHIN_S
        while self._snapshots.changed_at_s is None and time.monotonic() < until:
            if await aio.pause(stop, SUPERVISE_EVERY_S / 10):
                return
        while not await aio.pause(stop, SUPERVISE_EVERY_S):
            metrics.LEADER.set(self._lease.may_write)
            if not self._lease.may_write:
                metrics.forget()
            for name in self._cluster.pools.keys() - self._pools.keys():
                self._pools[name] = self._start(name, stop)
            for name in self._pools.keys() - self._cluster.pools.keys():
                self._pools.pop(name)[2].cancel()
                metrics.forget()
        await asyncio.gather(*(task for _, _, task in self._pools.values()), return_exceptions=True)

    async def check(self) -> None:
        """Raises ConnectionError if the passes over a pool hang."""
        for _, loop, _ in list(self._pools.values()):
            await loop.check()

    def _start(self, name: str, stop: asyncio.Event) -> tuple[ManagedPool, PassLoop, asyncio.Task[None]]:
        pool = ManagedPool(
            lambda: self._cluster.pools.get(name),
            self._api,
            lambda: self._lease.may_write and self._hpa_targets is not None,
            self._target,
            self._watch,
            self._rival,
        )
        loop = PassLoop(name, pool.step)
        return pool, loop, asyncio.create_task(loop.run(stop), name=f"pool {name}")

    def _target(self, deployment: str) -> DeploymentTarget:
        made = DeploymentTarget(self._cluster, self._api, deployment, self._settings.gpu_resource)
        made.nodes = self._nodes
        return made

    def _watch(self, queue: Queue) -> QueueWatch:
        return QueueWatch(self._jetstream, queue, self._snapshots, time.time)

    def _rival(self, pool: WorkerPool) -> str | None:
        """The HorizontalPodAutoscaler or the other WorkerPool that has the same target. Of two pools neither wins."""
        if hpa := (self._hpa_targets or {}).get(pool.deployment):
            return f"HorizontalPodAutoscaler {hpa}"
        for name, body in sorted(self._cluster.pools.items()):
            if name != pool.name and body["spec"]["target"]["name"] == pool.deployment:
                return f"WorkerPool {name}"
        return None

    async def _look_at_hpas(self) -> None:
        """Without an answer the last one counts: that somebody else scales too is an exception."""
        try:
            self._hpa_targets = await self._api.hpa_targets()
        except TargetAway as error:
            log.warning("HorizontalPodAutoscalers cannot be listed", reason=str(error))
            self._hpa_targets = self._hpa_targets or {}

    async def _look_at_nodes(self) -> None:
        targets = [pool.target for pool, _, _ in self._pools.values() if pool.target is not None]
        if not self._settings.watch_nodes or not any(target.needs_gpus for target in targets):
            return
        try:
            self._nodes = await self._api.nodes()
        except TargetAway as error:
            log.warning("nodes cannot be listed, so GPUs are not counted", reason=str(error))
            self._nodes = None
        for target in targets:
            target.nodes = self._nodes


@asynccontextmanager
async def start(settings: Settings, startup: Startup) -> AsyncIterator[Running]:
    cluster, kopf_settings = Cluster(), operator_settings()
    async with Rest(kopf_settings) as rest, broker.connect(settings, "autoscaler") as jetstream:
        await startup.wait_for("kubernetes", lambda: rest.request("GET", "/version"))
        lease = Lease(KubernetesLease(rest, settings.namespace, settings.lease_name), settings.identity)
        api = Api(rest, settings.namespace, lambda: lease.may_write, settings.identity)
        operator = Operator(settings, cluster, api, lease, jetstream)

        async def work(stop: asyncio.Event) -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watch(cluster, settings.namespace, settings.labels, kopf_settings, stop))
                for task in (lease.keep, operator.read_snapshots, operator.look_around, operator.supervise):
                    tasks.create_task(task(stop))

        yield Running(work, reported={"nats": jetstream.check}, alive={"passes": operator.check})


def main() -> int:
    return run_service("autoscaler", Settings, start)


if __name__ == "__main__":
    sys.exit(main())
