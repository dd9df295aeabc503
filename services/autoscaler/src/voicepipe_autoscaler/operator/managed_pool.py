"""One WorkerPool under the operator: each pass reads it, decides, acts, and says in its status and in events what it did.

Races:

- The watch shows the status of an earlier write. What this process wrote last is what counts, so it is kept here; the watched one counts
  only when this process begins to lead.
- The WorkerPool is deleted during a pass. The write of its status fails with 404, and the next round ends its loop.
- Leadership is lost during a pass. Each write asks the Lease itself (`Api`), so the rest of the pass changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog
from voicepipe_wire.messaging.subjects import Queue

from voicepipe_autoscaler.control.queue_watch import QueueWatch
from voicepipe_autoscaler.control.reconcile import Pass, Reconciler
from voicepipe_autoscaler.control.target import TargetAway
from voicepipe_autoscaler.decision import Condition
from voicepipe_autoscaler.memory import Memory

from . import metrics
from .api import Api
from .cluster import Body
from .deployment_target import DeploymentTarget
from .status import event_of, events_of_conditions, is_worth_writing, stalled_status, status_after
from .worker_pool import Unusable, WorkerPool, read

log = structlog.get_logger(__name__)

MakeTarget = Callable[[str], DeploymentTarget]
MakeWatch = Callable[[Queue], QueueWatch]
# The name of what else scales a Deployment for a WorkerPool; None if nothing does.
Rival = Callable[[WorkerPool], str | None]


class ManagedPool:
    def __init__(
        self,
        body: Callable[[], Body | None],
        api: Api,
        may_write: Callable[[], bool],
        make_target: MakeTarget,
        make_watch: MakeWatch,
        rival: Rival,
    ) -> None:
        self._body = body
        self._api = api
        self._may_write = may_write
        self._make_target = make_target
        self._make_watch = make_watch
        self._rival = rival
        self._reconciler: Reconciler | None = None
        self._target: DeploymentTarget | None = None
        self._memory: Memory | None = None
        self._status: Mapping[str, Any] = {}
        self._written_at = -float("inf")

    @property
    def target(self) -> DeploymentTarget | None:
        return self._target

    async def step(self) -> None:
        """One pass. Does nothing while this process does not lead."""
        body = self._body()
        if body is None or not self._may_write():
            self._memory = None
            return
        if self._memory is None:
            self._status = body.get("status") or {}
            self._memory = Memory.from_json(self._status.get("memory"))
        try:
            pool = replace(read(body), status=self._status)
        except Unusable as error:
            await self._stall(body, Condition("Stalled", True, "Unusable", str(error)))
            return
        if rival := self._rival(pool):
            await self._stall(body, Condition("Conflict", True, "TwoScalers", f"{rival} scales {pool.deployment} too"))
            return
        await self._pass(pool, self._memory)

    async def _pass(self, pool: WorkerPool, memory: Memory) -> None:
        if self._reconciler is None or self._target is None:
            self._target = self._make_target(pool.deployment)
            self._reconciler = Reconciler(self._target, self._make_watch(pool.queue), time.time)
        try:
            done = await self._reconciler.run(pool.spec, memory)
        except TargetAway:
            if self._target.deployment is None:
                missing = Condition("Stalled", True, "NoDeployment", f"there is no Deployment {pool.deployment}")
                await self._stall(self._body() or {}, missing)
                return
            raise
        self._memory = done.decision.memory
        metrics.export(pool, done)
        await self._report(pool, done)

    async def _report(self, pool: WorkerPool, done: Pass) -> None:
        status = status_after(pool, done, self._selector())
        events = events_of_conditions(self._status.get("conditions", ()), status["conditions"])
        if (changed := event_of(done)) is not None:
            log.info("replicas", pool=pool.name, reason=changed.reason, sum=changed.note)
            events.append(changed)
        await self._write(pool.name, status)
        for event in events:
            await self._api.post(pool, event, done.seen.now_s)

    async def _stall(self, body: Body, condition: Condition) -> None:
        """Say in the status why this pool is not scaled."""
        metadata = body["metadata"]
        status = stalled_status(self._status, metadata["generation"], condition, time.time())
        await self._write(metadata["name"], status)

    async def _write(self, name: str, status: Mapping[str, Any]) -> None:
        now = time.monotonic()
        if not is_worth_writing(self._status, status, now - self._written_at):
            return
        gone = {key: None for key in self._status if key not in status}  # a merge patch removes what is null
        await self._api.set_status(name, {**gone, **status})
        self._status, self._written_at = status, now

    def _selector(self) -> str:
        found = self._target.deployment if self._target else None
        labels = found["spec"]["selector"].get("matchLabels", {}) if found else {}
        return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
