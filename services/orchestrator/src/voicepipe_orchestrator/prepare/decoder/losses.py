"""What of a recording could not be decoded: where, and how much. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Less than this is a click, no word is lost by it.
AUDIBLE_S: Final = 0.04


@dataclass(slots=True)
class Losses:
    """`lost_s` seconds of audio are missing in the middle, the first of them at `first_s`; `missing_s` at the end."""

    lost_s: float = 0.0
    first_s: float | None = None
    missing_s: float = 0.0

    def lose(self, at_s: float, duration_s: float) -> None:
        self.lost_s += duration_s
        if self.first_s is None:
            self.first_s = at_s

    @property
    def is_audible(self) -> bool:
        return self.lost_s >= AUDIBLE_S
