"""The output of one system for one recording, and all outputs of a run.

A run is saved as JSON, so that its tables can be printed again and two runs can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


class UnreadableRun(ValueError):
    """The file does not exist or does not contain a run of this command."""


@dataclass(frozen=True, slots=True)
class Word:
    start_s: float
    end_s: float
    text: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The output of a system for one recording.

    `languages` are in the order of the recording, each once; `turns` are (start_s, end_s, speaker); `warnings` are
    codes.
    """

    id: str
    languages: tuple[str, ...]
    text: str
    words: tuple[Word, ...] = ()
    turns: tuple[tuple[float, float, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Hypothesis:
        return Hypothesis(
            id=document["id"],
            languages=tuple(document.get("languages", ())),
            text=document.get("text", ""),
            words=tuple(Word(*word) for word in document.get("words", ())),
            turns=tuple((start_s, end_s, speaker) for start_s, end_s, speaker in document.get("turns", ())),
            warnings=tuple(document.get("warnings", ())),
        )

    def as_json(self) -> dict[str, Any]:
        words = [[word.start_s, word.end_s, word.text, word.speaker] for word in self.words]
        return {**asdict(self), "words": words}


@dataclass(frozen=True, slots=True)
class Run:
    """All outputs of a run.

    They are keyed by tier (`accurate`, `fast`), system (`ours`, `sequential`, `batched`, `stock`) and recording.
    """

    environment: dict[str, Any] = field(default_factory=dict)
    hypotheses: dict[str, dict[str, dict[str, Hypothesis]]] = field(default_factory=dict)

    def add(self, tier: str, system: str, results: Iterable[Hypothesis]) -> None:
        self.hypotheses.setdefault(tier, {}).setdefault(system, {}).update({one.id: one for one in results})

    def of(self, tier: str, system: str) -> dict[str, Hypothesis]:
        return self.hypotheses.get(tier, {}).get(system, {})

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        saved = {
            tier: {system: [one.as_json() for one in results.values()] for system, results in systems.items()}
            for tier, systems in self.hypotheses.items()
        }
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps({"about": self.environment, "heard": saved}, ensure_ascii=False, indent=1) + "\n")
        draft.replace(path)

    @staticmethod
    def load(path: Path) -> Run:
        """Read a saved run.

        Raises:
            UnreadableRun.
        """
        try:
            document = json.loads(path.read_text())
            run = Run(document["about"])
            for tier, systems in document["heard"].items():
                for system, results in systems.items():
                    run.add(tier, system, map(Hypothesis.from_json, results))
        except OSError as error:
            raise UnreadableRun(
                f"{path} cannot be read ({error.strerror}): a run without --report writes one"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableRun(f"{path} is not a run of this command: create it again") from error
        return run
