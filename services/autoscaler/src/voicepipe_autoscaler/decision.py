"""What is decided about a pool, with its reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .memory import Memory, Step


class Reason(StrEnum):
    """Why a pool has the replicas that it has: the word in the column REASON and in events."""

    STEADY = "Steady"
    WOKEN_UP = "WokenUp"
    SCALED_UP = "ScaledUp"
    SCALED_DOWN = "ScaledDown"
    SCALED_TO_ZERO = "ScaledToZero"
    ASLEEP = "Asleep"
    STABILISING_UP = "StabilisingUp"
    STEP_TAKEN = "StepTaken"
    STABILISING_DOWN = "StabilisingDown"
    COOLING_DOWN = "CoolingDown"
    DRAINING = "Draining"
    ALL_BUSY = "AllBusy"
    STARTING = "Starting"
    ROLLOUT = "RolloutInProgress"
    METRICS_UNKNOWN = "MetricsUnknown"
    SNAPSHOT_STALE = "SnapshotStale"
    FALLBACK = "Fallback"
    PINNED = "Pinned"
    PAUSED = "Paused"
    PAUSED_SCALE_IN = "PausedScaleIn"
    PAUSED_SCALE_OUT = "PausedScaleOut"
    AT_MAX = "AtMax"
    AT_MIN = "AtMin"
    TOO_FEW_GPUS = "TooFewGPUs"
    NO_NODES = "NoNodes"
    PODS_NOT_CREATED = "PodsNotCreated"
    PODS_NOT_READY = "PodsNotReady"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule decides, and what to remember of it."""

    replicas: int
    reason: Reason
    drain: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    short_since_s: float | None = None
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    type: str
    status: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """`replicas` is what to ask of the Deployment now; `message` gives the sum.

    Pods in `drain` are to be told to pull nothing more, those in `release` to pull again. Replicas become fewer only in a later
    decision that has seen them drained. `need` is per priority and before any limit; `eta_s` is when the backlog of a priority and of those before
    it will be cleared, infinite without replicas. `speed` and `cold_start_s` are those that were used. `ready_in_s` is
    when a replica can work: at once, once one has started, or one cold start after work arrives; None if none is expected to.
    """

    replicas: int
    reason: Reason
    message: str
    need: Mapping[str, int]
    eta_s: Mapping[str, float]
    slo_at_risk: tuple[str, ...]
    conditions: tuple[Condition, ...]
    speed: float
    cold_start_s: float
    ready_in_s: float | None
    memory: Memory
    drain: tuple[str, ...]
    release: tuple[str, ...]
