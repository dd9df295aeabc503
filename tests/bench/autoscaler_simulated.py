"""The recordings of docs/autoscaling.md replayed through the autoscaler and through models of others. Deterministic: no clock, no server."""

from __future__ import annotations

from voicepipe_autoscaler.simulate.run import Run, mean
from voicepipe_autoscaler.simulate.scenarios import SCENARIOS, Scenario, compare

from .row import Row

RIVALS = ("KEDA", "HPA by CPU")


def measure() -> list[Row]:
    return [row for scenario in SCENARIOS for pool in scenario.pools for row in _compared(scenario, pool)]


def _compared(scenario: Scenario, pool: str) -> list[Row]:
    ours, *others = compare(scenario.pools[pool], scenario.recordings(pool), scenario.until_s)
    targets_s = scenario.pools[pool].spec.targets_s
    return [
        Row(
            f"simulated: {scenario.title[0].lower()}{scenario.title[1:]}, `{pool}`: pod-seconds over those of {other.policy}",
            ours.pod_s / other.pod_s, "", None,
            f"{other.policy}: {_described(other, targets_s)}",
            f"mean time {mean(ours.all_s) / mean(other.all_s):.2f}, last one {ours.last_s / other.last_s:.2f} of {other.policy}; "
            f"{_described(ours, targets_s)}",
        )
        for other in others
        if other.policy in RIVALS
    ]  # fmt: skip


def _described(run: Run, targets_s: dict[str, float]) -> str:
    late = sum(run.late(priority, target_s) for priority, target_s in targets_s.items())
    return (
        f"{run.pod_s:,.0f} pod-seconds, mean {mean(run.all_s):,.0f} s, {late} of {len(run.all_s)} late, "
        f"{run.interruptions} pods stopped at work"
    )
