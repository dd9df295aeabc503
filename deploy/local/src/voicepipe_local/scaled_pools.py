"""The pools of workers of one machine that the autoscaler starts and stops."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

POOLS = "pools.json"  # in the data directory


@dataclass(frozen=True, slots=True)
class ScaledPool:
    """`components` are its workers, `companion` is the component that they all need.

    `speed` (seconds of audio per second of a worker) and `cold_start_s` are expected until they have been measured.
    """

    name: str
    stage: str
    pool: str
    components: tuple[str, ...]
    companion: str | None
    min_replicas: int
    slots: int
    speed: float
    cold_start_s: float


def to_json(pools: Sequence[ScaledPool]) -> str:
    return json.dumps([asdict(pool) for pool in pools], indent=2)


def from_json(text: str) -> list[ScaledPool]:
    return [ScaledPool(**{**pool, "components": tuple(pool["components"])}) for pool in json.loads(text)]
