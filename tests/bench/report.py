"""The rows of a run, kept as JSON; and the table of README.md, made of such files."""

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
    """A file holds no run, or one that measured nothing; the message says which."""


@dataclass(frozen=True, slots=True)
class Run:
    """`rows` as JSON, each with the part of the bench that gave it."""

    about: str
    speech: str
    quick: bool
    left_out: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()

    def having(self, part: str, row: Row, load: float) -> Run:
        """`load` is that of the machine when the row was measured."""
        return replace(self, rows=(*self.rows, {"part": part, **row.as_json(), "load": round(load, 1)}))

    @classmethod
    def load(cls, path: Path) -> Run:
        """Raises UnreadableRun."""
        try:
            found = json.loads(path.read_text())
            return cls(found["about"], found["speech"], found["quick"], tuple(found["left_out"]), tuple(found["rows"]))
        except OSError as error:
            raise UnreadableRun(f"{path} cannot be read ({error.strerror}): `--json {path}` writes it") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableRun(f"{path} is no run of this command: `--json {path}` writes one") from error

    def save(self, path: Path) -> None:
        known = {"about": self.about, "speech": self.speech, "quick": self.quick, "left_out": self.left_out}
        path.write_text(json.dumps({**known, "rows": self.rows}, indent=2, ensure_ascii=False) + "\n")

    @property
    def title(self) -> str:
        left_out = f"\nLeft out, since they need a GPU: {', '.join(self.left_out)}." if self.left_out else ""
        return f"{'QUICK: these are no measurements. ' if self.quick else ''}{self.about}\nSpeech: {self.speech}.{left_out}"


def written(paths: Sequence[Path], page: Path = PAGE) -> str:
    """Write the table of README.md; of a part that several files have, the last one counts. What was done, as a sentence.

    Raises:
        UnreadableRun
    """
    runs = [Run.load(path) for path in paths]
    for path, run in zip(paths, runs, strict=True):
        if run.quick:
            raise UnreadableRun(f"{path} is a run with --quick, which measures nothing: leave that out")
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{_markdown(runs)}\n{END}{after}")
    return f"{page.name} has {sum(len(run.rows) for run in _latest(runs))} rows now."


def _latest(runs: Sequence[Run]) -> list[Run]:
    """Each run with the parts that no later one has."""
    kept: list[Run] = []
    later: set[str] = set()
    for run in reversed(runs):
        rows = tuple(row for row in run.rows if row["part"] not in later)
        later |= {row["part"] for row in run.rows}
        if rows:
            kept.insert(0, replace(run, rows=rows))
    return kept


def _markdown(runs: Sequence[Run]) -> str:
    return "\n\n".join(_table(run) for run in _latest(runs))


def _table(run: Run) -> str:
    left_out = f" Left out, since they need a GPU: {', '.join(run.left_out)}." if run.left_out else ""
    lines = [f"{run.about}. Speech: {run.speech}.{left_out}", "", _line(HEADINGS), _line(["---"] * len(HEADINGS))]
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
