"""What is compared: a trace, the pools that it goes to, and the targets of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicepipe_autoscaler.pool import PoolSpec, WakeOn

from . import examples
from .cluster import Hardware, Policy, Pool
from .kubernetes import HpaByCpu, Keda
from .ours import Ours
from .ray import Ray
from .run import Run
from .trace import Recording

TARGETS_S = {"premium": 60.0, "standard": 600.0}
PROCESSOR = Hardware(slots=3, speed=6.0, cold_start_s=20.0)
GPU = Hardware(slots=16, speed=60.0, cold_start_s=240.0)
DIARIZER = Hardware(slots=1, speed=10.0, cold_start_s=40.0, chunk_s=None)


@dataclass(frozen=True, slots=True)
class SimulatedPool:
    hardware: Hardware
    spec: PoolSpec
    keda_lag: int = 10


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    text: str
    trace: Sequence[Recording]
    pools: Mapping[str, SimulatedPool]
    until_s: float

    def recordings(self, pool: str) -> list[Recording]:
        return sorted((one for one in self.trace if one.pool == pool), key=lambda one: one.at_s)


def simulated(hardware: Hardware, most: int, **fields: Any) -> SimulatedPool:
    """A pool whose declared speed and cold start are the true ones. KEDA gets a lag of one where a message is a whole recording."""
    known = {"targets_s": TARGETS_S, "max_replicas": most, "slots": hardware.slots}
    spec = PoolSpec(speed=hardware.speed, cold_start_s=hardware.cold_start_s, **{**known, **fields})
    return SimulatedPool(hardware, spec, keda_lag=10 if hardware.chunk_s else 1)


SCENARIOS = (
    Scenario(
        "clips",
        "A burst of clips",
        "200 clips of 10 to 60 s arrive within a minute, at a pool on processors that sleeps. The target of standard is 120 s here.",
        examples.clips(),
        {"transcribe": simulated(PROCESSOR, 20, targets_s={"premium": 60.0, "standard": 120.0})},
        1800.0,
    ),
    Scenario(
        "recording",
        "One long recording",
        "A recording of three hours with speakers, and about every 45 s a premium clip that wants to overtake it.",
        examples.recording(),
        {"transcribe": simulated(PROCESSOR, 20), "diarize": simulated(DIARIZER, 5)},
        3600.0,
    ),
    Scenario(
        "day",
        "A day with premium",
        "Recordings of a minute to two hours, most at eleven and at three, some at night; one in six is a premium clip. Every other "
        "recording is to be diarized, which is one piece of work of up to twelve minutes.",
        examples.day(),
        {"transcribe": simulated(PROCESSOR, 20), "diarize": simulated(DIARIZER, 10)},
        25 * 3600.0,
    ),
    Scenario(
        "cold",
        "A GPU pool from zero",
        "Twelve recordings of half an hour arrive within ten minutes at a pool that sleeps and takes four minutes to start; "
        "an hour later comes one more. The pool wakes when a recording is being prepared, and its down window is 600 s.",
        examples.cold(),
        {"transcribe": simulated(GPU, 8, wake_on=WakeOn.PREPARE, down_stabilisation_s=600.0)},
        3 * 3600.0,
    ),
)


def policies(pool: SimulatedPool) -> list[Policy]:
    most = pool.spec.max_replicas
    return [Ours(pool.spec), Keda(most, pool.keda_lag), HpaByCpu(most), Ray(most, pool.hardware.slots)]


def play(pool: SimulatedPool, recordings: Sequence[Recording], policy: Policy, until_s: float) -> Run:
    return Pool(pool.hardware, recordings, policy).until(until_s)


def compare(pool: SimulatedPool, recordings: Sequence[Recording], until_s: float) -> list[Run]:
    return [play(pool, recordings, policy, until_s) for policy in policies(pool)]
