"""The rows of a run, saved as JSON, and the table of README.md, which is written from such files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .row import Row

PAGE = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"
HEADINGS = ("row", "value", "goal", "", "baseline", "what limits it", "load")


class UnreadableRun(ValueError):
    """The file is missing, is not a run, or is a run with --quick; the message says which."""


@dataclass(frozen=True, slots=True)
class Run:
    """`rows` are in JSON, each with the part of the bench that measured it."""

    title: str
    speech: str
    quick: bool
    left_out: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()

    def with_row(self, part: str, row: Row, load: float) -> Run:
        """Add a row. `load` is the load average of the machine when it was measured."""
        return replace(self, rows=(*self.rows, {"part": part, **row.as_json(), "load": round(load, 1)}))

    @classmethod
    def load(cls, path: Path) -> Run:
        """Read a saved run.

        Raises:
            UnreadableRun
        """
        try:
            saved = json.loads(path.read_text())
            return cls(saved["about"], saved["speech"], saved["quick"], tuple(saved["left_out"]), tuple(saved["rows"]))
        except OSError as error:
            raise UnreadableRun(f"{path} cannot be read ({error.strerror}): `--json {path}` writes it") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableRun(f"{path} is not a run of this command: `--json {path}` writes one") from error

    def save(self, path: Path) -> None:
        header = {"about": self.title, "speech": self.speech, "quick": self.quick, "left_out": self.left_out}
        path.write_text(json.dumps({**header, "rows": self.rows}, indent=2, ensure_ascii=False) + "\n")

    @property
    def heading(self) -> str:
        left_out = (
            f"\nLeft out, since they need a GPU or a cluster: {', '.join(self.left_out)}." if self.left_out else ""
        )
        return f"{'QUICK: these are not measurements. ' if self.quick else ''}{self.title}\nSpeech: {self.speech}.{left_out}"


def write_table(paths: Sequence[Path], page: Path = PAGE) -> str:
    """Write the table of README.md and return a sentence about it. If several files have a part, the last one counts.

    Raises:
        UnreadableRun
    """
    runs = [Run.load(path) for path in paths]
    for path, run in zip(paths, runs, strict=True):
        if run.quick:
            raise UnreadableRun(f"{path} is a run with --quick, which measures nothing: run without it")
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{_markdown(runs)}\n{END}{after}")
    return f"{page.name} has {sum(len(run.rows) for run in _latest(runs))} rows now."


def _latest(runs: Sequence[Run]) -> list[Run]:
    """The runs, each with only the parts that no later run has."""
    latest: list[Run] = []
    later: set[str] = set()
    for run in reversed(runs):
        rows = tuple(row for row in run.rows if row["part"] not in later)
        later |= {row["part"] for row in run.rows}
        if rows:
            latest.insert(0, replace(run, rows=rows))
    return latest


def _markdown(runs: Sequence[Run]) -> str:
    return "\n\n".join(_table(run) for run in _latest(runs))


def _table(run: Run) -> str:
    left_out = f" Left out, since they need a GPU or a cluster: {', '.join(run.left_out)}." if run.left_out else ""
    lines = [f"{run.title}. Speech: {run.speech}.{left_out}", "", _line(HEADINGS), _line(["---"] * len(HEADINGS))]
    for row in run.rows:
        value = f"{row['value']:.3g} {row['unit']}".strip()
        lines.append(
            _line(
                (
                    row["name"],
                    value,
                    row["goal"] or "",
                    row["verdict"] or "",
                    row["baseline"],
                    row["what_limits_it"],
                    str(row["load"]),
                )
            )
        )
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
