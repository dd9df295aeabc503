"""One pass over one pool: observe, decide, act. Level-triggered: a pass that failed is made good by the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from voicepipe_autoscaler.decide import decide
from voicepipe_autoscaler.decision import Decision
from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.observation import Observation
from voicepipe_autoscaler.pool import PoolSpec
from voicepipe_autoscaler.victims import DRAINED, deletion_cost, victims

from .announcement import pool_state
from .observe import observation
from .queue_watch import QueueWatch
from .target import Target

# Pods that work on clips are busy and idle again all the time.
COST_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Pass:
    """What was seen in a pass, and what was decided."""

    seen: Observation
    decision: Decision

    @property
    def changes(self) -> bool:
        return self.decision.replicas != self.seen.replicas


class Reconciler:
    """Passes over one pool. `may_announce` is false for a process that has meanwhile ceased to lead."""

    def __init__(
        self,
        target: Target,
        watch: QueueWatch,
        now: Callable[[], float],
        may_announce: Callable[[], bool] = lambda: True,
    ) -> None:
        self._target = target
        self._watch = watch
        self._now = now
        self._may_announce = may_announce
        self._cost_set_at_s: dict[str, float] = {}

    async def run(self, spec: PoolSpec, memory: Memory) -> Pass:
        """Make one pass, and return what it saw and decided; the memory for the next is in the decision.

        Raises:
            TargetAway: the replicas could not be seen, or not be changed.
        """
        replicas = await self._target.look()
        sighting = await self._watch.look([pod.name for pod in replicas.pods])
        seen = observation(self._now(), replicas, sighting)
        decision = decide(spec, seen, memory)
        await self._act(seen, decision)
        if self._may_announce():
            await self._watch.announce(pool_state(self._watch.queue, spec, seen, decision))
        return Pass(seen, decision)

    async def _act(self, seen: Observation, decision: Decision) -> None:
        for name in decision.release:
            await self._watch.release(name)
        staying = {pod.name for pod in seen.pods if pod.draining} - {*decision.release}
        for name in sorted({*decision.drain, *staying}):
            await self._watch.drain(name)
        if decision.replicas > seen.replicas:  # costs that cannot be set delay no replica
            await self._target.scale(decision.replicas, ())
        await self._set_costs(seen)
        if decision.replicas < seen.replicas:
            going = victims(seen.pods, len(seen.pods) - decision.replicas, seen.now_s)
            await self._target.scale(decision.replicas, tuple(pod.name for pod in going))

    async def _set_costs(self, seen: Observation) -> None:
        """Set the costs that have changed: of a pod that drains or drains no more at once, of others every ten seconds.

        A cost that is out of date only delays: `decide` removes replicas by the costs that are in effect.
        """
        self._cost_set_at_s = {
            pod.name: self._cost_set_at_s[pod.name] for pod in seen.pods if pod.name in self._cost_set_at_s
        }
        costs = {}
        for pod in seen.pods:
            cost = deletion_cost(pod)
            recent = seen.now_s - self._cost_set_at_s.get(pod.name, 0.0) < COST_EVERY_S
            if cost != pod.deletion_cost and (DRAINED in {cost, pod.deletion_cost} or not recent):
                costs[pod.name] = cost
        if costs:
            await self._target.set_costs(costs)
            self._cost_set_at_s |= dict.fromkeys(costs, seen.now_s)
