"""One WorkerPool under the operator: each pass reads it, decides, acts, and says in its status and in events what it did.

Races:

- The watch shows the status of an earlier write. What this process wrote last is what counts, so it is kept here; the watched one counts
  only when this process begins to lead.
- The WorkerPool is deleted during a pass. The write of its status fails with 404, and the next round ends its loop. One that is
  created again under its name has another uid, and begins anew.
- A write of the status or of an event fails. The next pass writes the newest status, with the history of both, and the events
  that are missing; they are named after their content, so none is posted twice.
- Leadership is lost during a pass. Each write asks the Lease itself (`Api`), so the rest of the pass changes nothing, and
  nobody is told how the pool is.
"""

from __future__ import annotations

import math
import time
from collections import deque
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
from .status import (
    PoolEvent,
    event_of,
    events_of_conditions,
    is_worth_writing,
    merge_patch,
    stalled_status,
    status_after,
)
from .worker_pool import Unusable, WorkerPool, read

log = structlog.get_logger(__name__)

MOST_EVENTS = 20  # that wait to be posted
# A backlog that jumps around a target makes its condition true every few seconds.
SAME_WARNING_EVERY_S = 300.0

MakeTarget = Callable[[str], DeploymentTarget]
MakeWatch = Callable[[Queue], QueueWatch]
# The name of what else scales a Deployment for a WorkerPool; None if nothing does.
Rival = Callable[[WorkerPool], str | None]


class ManagedPool:
    """`_status` is the newest, `_written` is what the API has of it."""

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
        self._name = self._uid = ""
        self._status: Mapping[str, Any] = {}
        self._written: Mapping[str, Any] = {}
        self._written_at = -float("inf")
        self._events: deque[tuple[PoolEvent, float]] = deque(maxlen=MOST_EVENTS)
        self._warned_at_s: dict[str, float] = {}

    @property
    def target(self) -> DeploymentTarget | None:
        return self._target

    async def step(self) -> None:
        """One pass. Does nothing while this process does not lead."""
        body = self._body()
        if body is None or not self._may_write():
            self._memory = None
            return
        if self._memory is None or body["metadata"]["uid"] != self._uid:
            self._memory = self._begin(body)
        try:
            pool = replace(read(body), status=self._status)
        except Unusable as error:
            await self._stall(body, Condition("Stalled", True, "Unusable", str(error)))
            return
        if rival := self._rival(pool):
            await self._stall(body, Condition("Conflict", True, "TwoScalers", f"{rival} scales {pool.deployment} too"))
            return
        await self._pass(body, pool, self._memory)

    def _begin(self, body: Body) -> Memory:
        self._name, self._uid = body["metadata"]["name"], body["metadata"]["uid"]
        self._status = self._written = body.get("status") or {}
        self._written_at = -float("inf")
        self._events.clear()
        self._warned_at_s.clear()
        self._reconciler = self._target = None
        return Memory.from_json(self._status.get("memory"))

    async def _pass(self, body: Body, pool: WorkerPool, memory: Memory) -> None:
        if self._reconciler is None or self._target is None:
            self._target = self._make_target(pool.deployment)
            self._reconciler = Reconciler(self._target, self._make_watch(pool.queue), time.time, self._may_write)
        try:
            done = await self._reconciler.run(pool.spec, memory)
        except TargetAway:
            if self._target.deployment is None:
                missing = Condition("Stalled", True, "NoDeployment", f"there is no Deployment {pool.deployment}")
                await self._stall(body, missing)
                return
            raise
        self._memory = done.decision.memory
        metrics.export(pool, done)
        await self._report(pool, done)

    async def _report(self, pool: WorkerPool, done: Pass) -> None:
        if (changed := event_of(done)) is not None:
            log.info("replicas", pool=pool.name, reason=changed.reason, sum=changed.note)
            self._events.append((changed, done.seen.now_s))
        await self._say(status_after(pool, done, self._selector()), done.seen.now_s)

    async def _stall(self, body: Body, condition: Condition) -> None:
        """Say in the status why this pool is not scaled."""
        now_s = time.time()
        await self._say(stalled_status(self._status, body["metadata"]["generation"], condition, now_s), now_s)

    async def _say(self, status: Mapping[str, Any], now_s: float) -> None:
        """Write the status if that is worth a request, and post the events."""
        for event in events_of_conditions(self._status.get("conditions", ()), status["conditions"]):
            if now_s - self._warned_at_s.get(event.reason, -math.inf) >= SAME_WARNING_EVERY_S:
                self._warned_at_s[event.reason] = now_s
                self._events.append((event, now_s))
        self._status = status
        now = time.monotonic()
        if is_worth_writing(self._written, status, now - self._written_at):
            await self._api.set_status(self._name, merge_patch(self._written, status))
            self._written, self._written_at = status, now
        while self._events:
            event, at_s = self._events[0]
            await self._api.post(self._name, self._uid, event, at_s)
            self._events.popleft()

    def _selector(self) -> str:
        found = self._target.deployment if self._target else None
        labels = found["spec"]["selector"].get("matchLabels", {}) if found else {}
        return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
