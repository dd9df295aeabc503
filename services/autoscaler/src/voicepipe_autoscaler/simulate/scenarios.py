"""What is compared: a trace, the pools that it goes to, and the targets of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voicepipe_autoscaler.pool import PoolSpec, WakeOn

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
class Scenario:
    name: str
    title: str
    text: str
    hardware: Mapping[str, Hardware]
    spec: Mapping[str, PoolSpec]
    until_s: float


def _spec(hardware: Hardware, most: int, **fields: object) -> PoolSpec:
    known = {"targets_s": TARGETS_S, "max_replicas": most, "slots": hardware.slots}
    return PoolSpec(speed=hardware.speed, cold_start_s=hardware.cold_start_s, **{**known, **fields})  # type: ignore[arg-type]


SCENARIOS = (
    Scenario(
        "clips",
        "A burst of clips",
        "",
        {"transcribe": PROCESSOR},
        {"transcribe": _spec(PROCESSOR, 20, targets_s={"premium": 60.0, "standard": 120.0})},
        1800.0,
    ),
    Scenario(
        "recording",
        "One long recording",
        "",
        {"transcribe": PROCESSOR, "diarize": DIARIZER},
        {"transcribe": _spec(PROCESSOR, 20), "diarize": _spec(DIARIZER, 5)},
        3600.0,
    ),
    Scenario("day", "A day", "", {"transcribe": PROCESSOR}, {"transcribe": _spec(PROCESSOR, 20)}, 25 * 3600.0),
    Scenario(
        "cold",
        "A GPU pool from zero",
        "",
        {"transcribe": GPU},
        {"transcribe": _spec(GPU, 8, wake_on=WakeOn.PREPARE, down_stabilisation_s=600.0)},
        3 * 3600.0,
    ),
)


def policies(hardware: Hardware, spec: PoolSpec) -> list[Policy]:
    most = spec.max_replicas
    return [Ours(spec), Keda(most), HpaByCpu(most), Ray(most, hardware.slots)]


def play(scenario: Scenario, recordings: Sequence[Recording]) -> dict[str, list[Run]]:
    """The runs of each pool, one for each policy."""
    return {
        pool: [
            Pool(hardware, [one for one in recordings if one.pool == pool], policy).until(scenario.until_s)
            for policy in policies(hardware, scenario.spec[pool])
        ]
        for pool, hardware in scenario.hardware.items()
    }
