"""The port to whatever runs the replicas of a pool: the processes of one machine, or the pods of a Deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from voicepipe_autoscaler.observation import Pod


@dataclass(frozen=True, slots=True)
class Replicas:
    """`asked` is how many there are to be. The pods come without what only their workers know: units, remaining time, draining."""

    asked: int
    pods: tuple[Pod, ...] = ()
    rollout: bool = False
    free_gpus: int | None = None


class TargetAway(Exception):
    """The target cannot be reached, or has changed meanwhile; the next pass looks again."""


class Target(Protocol):
    """Every method raises TargetAway."""

    async def look(self) -> Replicas: ...

    async def scale(self, replicas: int, going: tuple[str, ...]) -> None:
        """Ask for so many replicas. `going` are the pods that are expected to go, drained and idle."""

    async def set_costs(self, costs: Mapping[str, int]) -> None:
        """Say by deletion costs which pods are to go first; `look` returns them once they are in effect."""
