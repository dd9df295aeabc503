"""Who spoke when: the diarizer writes it, the orchestrator joins it to the words, both by this definition.

Speakers are labels that mean nothing outside one diarization. Times are seconds of the recording, in milliseconds when written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Turn:
    """One person talks, from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    speaker: str


@dataclass(frozen=True, slots=True)
class Diarization:
    """`turns` may overlap; of `exclusive` never two at once: the one to join words to. Both in order of their start."""

    turns: tuple[Turn, ...]
    exclusive: tuple[Turn, ...]

    def to_json(self) -> dict[str, Any]:
        return {"turns": _rows(self.turns), "exclusive": _rows(self.exclusive)}

    @classmethod
    def from_json(cls, document: Any) -> Diarization:
        """Of what `to_json` gave."""
        return cls(*(tuple(Turn(*row) for row in document[name]) for name in ("turns", "exclusive")))


def _rows(turns: Iterable[Turn]) -> list[list[Any]]:
    return [[round(turn.start_s, 3), round(turn.end_s, 3), turn.speaker] for turn in turns]


@dataclass(frozen=True, slots=True)
class DiarizedBy:
    """Which model told the speakers apart."""

    name: str
    revision: str
