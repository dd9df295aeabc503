"""One row of the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """`status` is the HTTP status and `grpc` the name of a `grpc.StatusCode`; None if no response has the code."""

    status: int | None
    grpc: str | None
    title: str
    sentence: str
    remedy: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)

    def detail(self, **values: Any) -> str:
        """What happened and what to do, with the fields filled in.

        Raises:
            KeyError: a field has no value.
        """
        return f"{self.sentence} {self.remedy}".strip().format(**values)

    @property
    def example_detail(self) -> str:
        return self.detail(**self.example)


def row(status: int | None, grpc: str | None, title: str, sentence: str, remedy: str = "", **example: Any) -> Entry:
    return Entry(status, grpc, title, sentence, remedy, example)
