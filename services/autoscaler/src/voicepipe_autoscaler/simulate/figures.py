"""Tables of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from .run import Run, mean, p95

Columns = Mapping[str, Callable[[Run], str]]


def table(runs: Iterable[tuple[str, Run]], columns: Columns) -> str:
    return markdown(
        ["", *columns],
        [[name, *(cell(run) for cell in columns.values())] for name, run in runs],
    )


def columns(targets_s: Mapping[str, float]) -> Columns:
    return {
        **TIMES,
        "last done": lambda run: f"{run.last_s:,.0f} s" + (f", {run.unfinished} not done" if run.unfinished else ""),
        "premium late": lambda run: _late(run, "premium", targets_s),
        "standard late": lambda run: _late(run, "standard", targets_s),
        **COSTS,
        "done twice": lambda run: f"{run.redone_s:,.0f} s",
        "most replicas": lambda run: f"{run.most}",
    }


TIMES: Columns = {
    "mean": lambda run: f"{mean(run.all_s):,.0f} s",
    "95 %": lambda run: f"{p95(run.all_s):,.0f} s",
}
COSTS: Columns = {
    "pod-seconds": lambda run: f"{run.pod_s:,.0f}",
    "turns": lambda run: f"{run.flaps}",
    "stopped at work": lambda run: f"{run.interruptions}",
}
SLOWEST: Columns = {
    "slowest premium": lambda run: _slowest(run, "premium"),
    "slowest standard": lambda run: _slowest(run, "standard"),
}


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are also straight in a terminal."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def ratios(ours: Run, other: Run) -> str:
    """Ours over another's, below one is better."""
    pairs = (
        ("mean", mean(ours.all_s), mean(other.all_s)),
        ("last", ours.last_s, other.last_s),
        ("pod-seconds", ours.pod_s, other.pod_s),
    )
    return ", ".join(f"{name} {one / two:.2f}" for name, one, two in pairs if two)


def _slowest(run: Run, priority: str) -> str:
    return f"{max(run.took_s[priority]):,.0f} s" if priority in run.took_s else "-"


def _late(run: Run, priority: str, targets_s: Mapping[str, float]) -> str:
    count = len(run.took_s.get(priority, ()))
    return f"{run.late(priority, targets_s[priority])} of {count}" if count else "-"
