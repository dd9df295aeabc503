"""Speaker turns, which the diarizer writes and the orchestrator joins to the words.

Speaker labels mean nothing outside one diarization. Times are seconds of the recording, rounded to milliseconds when
written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker talks from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    speaker: str


@dataclass(frozen=True, slots=True)
class Diarization:
    """`turns` may overlap; `exclusive` never do, and words are joined to them. Both are ordered by start."""

    turns: tuple[Turn, ...]
    exclusive: tuple[Turn, ...]

    def to_json(self) -> dict[str, Any]:
        return {"turns": _rows(self.turns), "exclusive": _rows(self.exclusive)}

    @classmethod
    def from_json(cls, document: Any) -> Diarization:
        """The diarization that `to_json` wrote."""
        return cls(*(tuple(Turn(*row) for row in document[name]) for name in ("turns", "exclusive")))


def _rows(turns: Iterable[Turn]) -> list[list[Any]]:
    return [[round(turn.start_s, 3), round(turn.end_s, 3), turn.speaker] for turn in turns]


@dataclass(frozen=True, slots=True)
class DiarizedBy:
    """The model that told the speakers apart."""

    name: str
    revision: str
