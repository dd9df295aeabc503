"""What one system heard in one recording, and all of a run: kept as JSON, so that tables can be made again and runs compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


class UnreadableRun(ValueError):
    """A file is not there, or holds no run of this command."""


@dataclass(frozen=True, slots=True)
class Word:
    start_s: float
    end_s: float
    text: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """`languages` in the order of the recording, each once. `warnings` are codes."""

    id: str
    languages: tuple[str, ...]
    text: str
    words: tuple[Word, ...] = ()
    turns: tuple[tuple[float, float, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @staticmethod
    def of(found: Mapping[str, Any]) -> Hypothesis:
        return Hypothesis(
            id=found["id"],
            languages=tuple(found.get("languages", ())),
            text=found.get("text", ""),
            words=tuple(Word(*word) for word in found.get("words", ())),
            turns=tuple((start_s, end_s, who) for start_s, end_s, who in found.get("turns", ())),
            warnings=tuple(found.get("warnings", ())),
        )

    def as_json(self) -> dict[str, Any]:
        words = [[word.start_s, word.end_s, word.text, word.speaker] for word in self.words]
        return {**asdict(self), "words": words}


@dataclass(frozen=True, slots=True)
class Run:
    """`heard` is by tier (`accurate`, `fast`), system (`ours`, `sequential`, `batched`, `stock`) and recording."""

    about: dict[str, Any] = field(default_factory=dict)
    heard: dict[str, dict[str, dict[str, Hypothesis]]] = field(default_factory=dict)

    def add(self, tier: str, system: str, found: Iterable[Hypothesis]) -> None:
        self.heard.setdefault(tier, {}).setdefault(system, {}).update({one.id: one for one in found})

    def of(self, tier: str, system: str) -> dict[str, Hypothesis]:
        return self.heard.get(tier, {}).get(system, {})

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        heard = {
            tier: {system: [one.as_json() for one in found.values()] for system, found in systems.items()}
            for tier, systems in self.heard.items()
        }
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps({"about": self.about, "heard": heard}, ensure_ascii=False, indent=1) + "\n")
        draft.replace(path)

    @staticmethod
    def load(path: Path) -> Run:
        """Raises UnreadableRun."""
        try:
            document = json.loads(path.read_text())
            run = Run(document["about"])
            for tier, systems in document["heard"].items():
                for system, found in systems.items():
                    run.add(tier, system, map(Hypothesis.of, found))
        except OSError as error:
            raise UnreadableRun(
                f"{path} cannot be read ({error.strerror}): a run without --report writes one"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableRun(f"{path} is no run of this command: make it again") from error
        return run
