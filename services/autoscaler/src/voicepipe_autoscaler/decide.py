"""How many replicas a pool is to have: `decide(spec, observation, memory) -> Decision`. Pure.

The rules, in order; the first that has something to say decides:

- a pinned pool has what it is pinned to; a paused one keeps what it has;
- what is not known is not guessed: the pool keeps its replicas, and after ten minutes takes its fallback;
- from zero the pool wakes at once, also for commands that were in flight when the last replica died;
- up, if the replicas there are, those that start included, fall short by more than a tenth for the stabilisation time. The tenth is of
  capacity, not of a number of replicas: noise of that size then changes nothing, and targets are missed by at most as much. A
  step at most doubles the replicas (or adds two) in 15 s;
- down, to the most that was wanted within the stabilisation window, and only by replicas that have confirmed to be drained and that the
  ReplicaSet would delete first. Never during a rollout, on stale figures, or while a replica starts;
- to zero only from one, and only after the cooldown, which starts when the last command was done or the first replica became ready.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .decision import Choice, Decision, Reason
from .demand import Sight
from .learning import learn
from .memory import Memory, Step, since
from .observation import Observation, Pod
from .pool import Fallback, PoolSpec
from .report import report
from .situation import Situation, look
from .victims import victims

TOLERANCE = 1.1 + 1e-9
STEP_S = 15.0
STEP_LEAST = 2
UNKNOWN_FOR_S = 600.0


def decide(spec: PoolSpec, observation: Observation, memory: Memory) -> Decision:
    situation = look(spec, observation, learn(observation, spec, memory))
    choice = next(choice for rule in RULES if (choice := rule(situation)) is not None)
    after = replace(
        situation.memory,
        decided_at_s=observation.now_s,
        short_since_s=choice.short_since_s,
        step=choice.step or situation.memory.step,
    )
    return report(situation, choice, after)


def _pinned(situation: Situation) -> Choice | None:
    pin = situation.spec.pin
    return None if pin is None else _toward(situation, pin, Reason.PINNED)


def _paused(situation: Situation) -> Choice | None:
    return _keep(situation, Reason.PAUSED) if situation.spec.paused else None


def _unknown(situation: Situation) -> Choice | None:
    memory, fallback = situation.memory, situation.spec.fallback
    if memory.unknown_since_s is None:
        return None
    if situation.now_s - memory.unknown_since_s <= UNKNOWN_FOR_S:
        return _keep(situation, Reason.METRICS_UNKNOWN)
    if fallback is Fallback.HOLD:
        return _keep(situation, Reason.FALLBACK)
    low, high = situation.limits.low, situation.limits.high
    return _toward(situation, low if fallback is Fallback.MIN else min(max(int(fallback), low), high), Reason.FALLBACK)


def _asleep(situation: Situation) -> Choice | None:
    if situation.replicas > 0:
        return None
    limits, waiting = situation.limits, situation.demand.waiting
    # Arrivals that are remembered wake nobody, work does.
    wanted = situation.wanted if waiting else min(limits.low, limits.most)
    if wanted == 0:
        return Choice(0, limits.reason if waiting else Reason.ASLEEP)
    if situation.spec.paused_scale_out:
        return Choice(0, Reason.PAUSED_SCALE_OUT)
    step = Step(situation.now_s, wanted, wanted)
    return Choice(wanted, Reason.WOKEN_UP if waiting else Reason.AT_MIN, step=step)


def _up(situation: Situation) -> Choice | None:
    replicas, wanted, low = situation.replicas, situation.wanted, situation.limits.low
    if wanted <= replicas or (situation.shortage <= TOLERANCE and replicas >= low):
        return None
    release = _names(situation.draining)
    if situation.spec.paused_scale_out:
        return Choice(replicas, Reason.PAUSED_SCALE_OUT, release=release)
    since_s = since(situation.memory.short_since_s, situation.now_s)
    if situation.now_s - since_s >= situation.spec.up_stabilisation_s:
        after, step = _step(situation)
        reason = Reason.SCALED_UP if after > replicas else Reason.STEP_TAKEN
        return Choice(max(after, replicas), reason, release=release, short_since_s=since_s, step=step)
    if replicas < low:
        return Choice(min(low, wanted), Reason.AT_MIN, release=release, short_since_s=since_s)
    return Choice(replicas, Reason.STABILISING_UP, release=release, short_since_s=since_s)


def _step(situation: Situation) -> tuple[int, Step]:
    """What is wanted, or the part of it that these 15 s have left; and the step that this makes."""
    now_s, replicas, last = situation.now_s, situation.replicas, situation.memory.step
    # Fewer replicas than before the step: somebody else has lowered them meanwhile, and it is no longer the same step.
    current = last if last is not None and now_s - last.at_s < STEP_S and last.before <= replicas else None
    before = replicas if current is None else current.before
    after = max(min(situation.wanted, before + max(STEP_LEAST, before)), min(situation.limits.low, situation.wanted))
    return after, current if current is not None and after <= current.after else Step(now_s, before, after)


def _settled(situation: Situation) -> Choice:
    if situation.demand.sight is not Sight.FRESH:
        return _keep(situation, Reason.SNAPSHOT_STALE)
    target = _least(situation)
    if situation.replicas <= target:
        return _keep(situation, _why_no_fewer(situation))
    if situation.spec.paused_scale_in:
        return _keep(situation, Reason.PAUSED_SCALE_IN)
    return _lower(situation, target, None)


def _least(situation: Situation) -> int:
    """The most that was wanted within the window; zero only from one, and only for a pool that may sleep."""
    limits = situation.limits
    if situation.replicas == 1 and (limits.high == 0 or (limits.low == 0 and cooled_down(situation))):
        return 0
    return max(min(situation.memory.recommendations[0][1], limits.high), limits.low, 1)


def cooled_down(situation: Situation) -> bool:
    memory = situation.memory
    if memory.quiet_since_s is None:
        return False
    since_s = max(memory.quiet_since_s, memory.last_done_s or 0.0, memory.first_ready_s or 0.0)
    return situation.now_s - since_s >= situation.spec.cooldown_s


def _why_no_fewer(situation: Situation) -> Reason:
    replicas, limits = situation.replicas, situation.limits
    if situation.limited:
        return limits.reason
    if situation.wanted < replicas:
        return Reason.COOLING_DOWN if replicas == 1 else Reason.STABILISING_DOWN
    return Reason.AT_MIN if situation.needed < limits.low else Reason.STEADY


def _keep(situation: Situation, reason: Reason) -> Choice:
    """What there is, all of it at work: a drained replica that pulls again is the quickest one to get."""
    return Choice(situation.replicas, reason, release=_names(situation.draining))


def _toward(situation: Situation, target: int, reason: Reason) -> Choice:
    """To a number that is not computed: up at once, down as carefully as ever."""
    if target < situation.replicas:
        return _lower(situation, target, reason)
    return replace(_keep(situation, reason), replicas=target)


def _lower(situation: Situation, target: int, reason: Reason | None) -> Choice:
    """Lowers the replicas by those that may go now, and drains others. First drained, then seen to be drained, then gone."""
    replicas = situation.replicas
    surplus = replicas - target
    # In the order of all pods, so that none is released that the ReplicaSet would delete.
    pods = situation.seen.pods
    draining = tuple(pod for pod in victims(pods, len(pods), situation.now_s) if pod.draining)
    release = _names(draining[surplus:])
    if blocked := _blocked(situation):
        return Choice(replicas, reason or blocked, release=release)
    count = min(surplus, sum(pod.idle for pod in draining) + situation.lost.count)
    gone = next(gone for gone in range(count, -1, -1) if gone == 0 or _harmless(situation, replicas - gone))
    drain = _to_drain(situation, surplus - len(draining) - situation.lost.count)
    if gone:
        why = Reason.SCALED_TO_ZERO if replicas == gone else Reason.SCALED_DOWN
    else:
        why = Reason.DRAINING if draining or drain else Reason.ALL_BUSY
    return Choice(replicas - gone, reason or why, _names(drain), release)


def _to_drain(situation: Situation, count: int) -> tuple[Pod, ...]:
    """Idle replicas, those first that the ReplicaSet would delete first; then, where that is allowed, those that will soon be."""
    working = [pod for pod in situation.seen.pods if pod.ready and not pod.draining]
    idle = victims([pod for pod in working if pod.idle], count, situation.now_s)
    if not situation.spec.drain_busy:
        return idle
    busy = sorted((pod for pod in working if not pod.idle), key=lambda pod: (pod.remaining_s, pod.name))
    return (*idle, *busy[: max(count - len(idle), 0)])


def _blocked(situation: Situation) -> Reason | None:
    if situation.seen.rollout:
        return Reason.ROLLOUT
    return Reason.STARTING if situation.fleet.starting_s else None


def _harmless(situation: Situation, replicas: int) -> bool:
    """Whether the pods that the ReplicaSet would delete have no work and can get none."""
    pods = situation.seen.pods
    predicted = victims(pods, len(pods) - replicas, situation.now_s)
    return all(pod.units == 0 and (pod.draining or not pod.ready) for pod in predicted)


def _names(pods: tuple[Pod, ...]) -> tuple[str, ...]:
    return tuple(pod.name for pod in pods)


RULES: tuple[Callable[[Situation], Choice | None], ...] = (_pinned, _paused, _unknown, _asleep, _up, _settled)
