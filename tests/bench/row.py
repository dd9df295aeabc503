"""The rows of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Goal:
    sign: Literal[">=", "<="]
    bound: float

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.sign == ">=" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """A measured value. `baseline` is what it is compared with, measured in the same run.

    A row without a goal explains another row.
    """

    name: str
    value: float
    unit: str
    goal: Goal | None
    baseline: str
    what_limits_it: str

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "met" if self.goal.is_met(self.value) else "MISSED"

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "goal": str(self.goal) if self.goal else None,
            "verdict": self.verdict or None,
            "baseline": self.baseline,
            "what_limits_it": self.what_limits_it,
        }


def length(seconds: float) -> str:
    """A length for the name of a row."""
    if seconds < 60:
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"


def table(rows: Sequence[Row], title: str) -> Table:
    shown = Table(title=title, title_justify="left", show_lines=True)
    for heading in ("row", "value", "goal", "", "baseline", "what limits it"):
        shown.add_column(heading, overflow="fold")
    for row in rows:
        value = f"{row.value:.3g} {row.unit}".strip()
        shown.add_row(row.name, value, str(row.goal or ""), row.verdict, row.baseline, row.what_limits_it)
    return shown
