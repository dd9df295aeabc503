"""The part of docs/autoscaling.md that this command writes, and its plots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .cluster import Hardware, Policy
from .figures import COSTS, SLOWEST, TIMES, columns, ratios, table
from .kubernetes import Keda
from .ours import Ours
from .plot import svg
from .run import Run
from .scenarios import SCENARIOS, Scenario, SimulatedPool, compare, play
from .trace import Recording

PAGE = "autoscaling.md"
PLOTS = "autoscaling"
BEGIN, END = "<!-- figures -->\n", "<!-- end of the figures -->\n"
HOUR_S = 3600.0
BUSY_FROM_S, BUSY_UNTIL_S = 9 * HOUR_S, 13 * HOUR_S


def write(page: str) -> dict[str, str]:
    """The text of each file by its path below docs/: the page with its figures made anew, and the plots."""
    sections, plots = [], {}
    for scenario in SCENARIOS:
        sections.append(f"### {scenario.title}\n\n{scenario.text}\n")
        for name, pool in scenario.pools.items():
            runs = compare(pool, scenario.recordings(name), scenario.until_s)
            path = f"{PLOTS}/{scenario.name}-{name}.svg"
            plots[path] = svg(f"{scenario.title}: {name}", runs, scenario.until_s)
            sections.append(_section(name, pool, runs, path))
    figures = "\n".join([*sections, "### What the settings buy\n", *_settings()])
    return {PAGE: with_figures(page, figures), **plots}


def with_figures(page: str, figures: str) -> str:
    """The page with these figures instead of its own; the rest is written by people."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def _section(name: str, pool: SimulatedPool, runs: list[Run], path: str) -> str:
    ours, keda, *_ = runs
    return (
        f"Pool `{name}`: {_described(pool.hardware)}, at most {pool.spec.max_replicas} replicas.\n\n"
        f"{table([(run.policy, run) for run in runs], columns(pool.spec.targets_s))}\n\n"
        f"Voicepipe over KEDA: {ratios(ours, keda)}.\n\n"
        f"![Replicas and backlog over time]({path})\n"
    )


def _described(hardware: Hardware) -> str:
    unit = "recording" if hardware.chunk_s is None else "chunk"
    count = f"one {unit}" if hardware.slots == 1 else f"{hardware.slots} {unit}s"
    return f"a replica works at {hardware.speed:g} times real time on {count} at once and starts in {hardware.cold_start_s:g} s"


def _settings() -> Iterator[str]:
    clips, day = (next(one for one in SCENARIOS if one.name == name) for name in ("clips", "day"))
    yield _varied(clips.title, clips, clips.recordings("transcribe"), clips.until_s)
    busiest = [
        replace(one, at_s=one.at_s - BUSY_FROM_S)
        for one in day.recordings("transcribe")
        if BUSY_FROM_S <= one.at_s < BUSY_UNTIL_S
    ]
    yield _varied("The day from nine to one o'clock", day, busiest, BUSY_UNTIL_S - BUSY_FROM_S + HOUR_S)


def _varied(title: str, scenario: Scenario, recordings: list[Recording], until_s: float) -> str:
    pool = scenario.pools["transcribe"]
    rows = [(name, play(pool, recordings, policy, until_s)) for name, policy in _variants(pool)]
    return f"{title}, pool `transcribe`:\n\n{table(rows, {**TIMES, **SLOWEST, **COSTS})}\n"


def _variants(pool: SimulatedPool) -> Iterator[tuple[str, Policy]]:
    for target_s in (120.0, 300.0, 600.0, 1200.0):
        spec = replace(pool.spec, targets_s={**pool.spec.targets_s, "standard": target_s})
        yield f"Voicepipe, standard {target_s:,.0f} s", Ours(spec)
    yield (
        "Voicepipe, down window and cooldown 60 s",
        Ours(replace(pool.spec, down_stabilisation_s=60.0, cooldown_s=60.0)),
    )
    for lag in (5, 10, 20, 50):
        yield f"KEDA, lag {lag}", Keda(pool.spec.max_replicas, lag)
    yield "KEDA, down window and cooldown 60 s", Keda(pool.spec.max_replicas, window_s=60.0)
