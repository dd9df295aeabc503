"""Typed access to a TOML table, with one clear sentence per mistake. Pure: no I/O."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, TypeVar

from .errors import CatalogueError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


class Table:
    """A TOML table that knows its position in the file and which of its keys have been read."""

    def __init__(self, file: str, where: str, values: dict[str, Any]) -> None:
        self._file = file
        self._where = where
        self._values = values
        self._seen: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def wrong(self, key: str, what: str) -> CatalogueError:
        return CatalogueError(f"{self._file}: {self._where}{key} {what}.")

    def holds(self, key: str, kind: type) -> bool:
        return isinstance(self._values.get(key), kind)

    def _get(self, key: str, kind: type[_T], called: str) -> _T:
        self._seen.add(key)
        if key not in self._values:
            raise self.wrong(key, "is missing")
        value = self._values[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.wrong(key, f"must be {called}, not {value!r}")
        return value

    def text(self, key: str, pattern: re.Pattern[str] | None = None, called: str = "text") -> str:
        value = self._get(key, str, "text")
        if not value.strip() or (pattern and not pattern.fullmatch(value)):
            raise self.wrong(key, f"must be {called}, not {value!r}")
        return value

    def texts(self, key: str, pattern: re.Pattern[str] = NAME, called: str = "a name") -> tuple[str, ...]:
        values = self._get(key, list, "a list")
        for value in values:
            if not isinstance(value, str) or not pattern.fullmatch(value):
                raise self.wrong(key, f"must hold {called}, not {value!r}")
        if not values:
            raise self.wrong(key, "must not be empty")
        return tuple(values)

    def path(self, key: str) -> str:
        """A relative path without `..` or hidden first part."""
        value = self.text(key)
        parts = PurePosixPath(value).parts
        if value != "/".join(parts) or ".." in parts or parts[0].startswith((".", "/")) or "\\" in value:
            raise self.wrong(key, f"must be a plain relative path, not {value!r}")
        return value

    def positive(self, key: str) -> int:
        if (value := self._get(key, int, "a whole number")) <= 0:
            raise self.wrong(key, f"must be above 0, not {value}")
        return value

    def one_of(self, key: str, choices: type[_E]) -> _E:
        value = self.text(key)
        try:
            return choices(value)
        except ValueError:
            raise self.wrong(key, f"must be {' or '.join(choices)}, not {value!r}") from None

    def table(self, key: str) -> Table:
        return Table(self._file, f"{self._where}{key}.", self._get(key, dict, "a table"))

    def tables(self, key: str) -> tuple[Table, ...]:
        values = self._get(key, list, "a list of tables")
        if not values or not all(isinstance(value, dict) for value in values):
            raise self.wrong(key, "must be a list of tables and not empty")
        return tuple(Table(self._file, f"{self._where}{key}[{place}].", value) for place, value in enumerate(values))

    def end(self) -> None:
        """Raise for a key that was not read: it is misspelt, or has no effect here."""
        if unknown := sorted(set(self._values) - self._seen):
            raise self.wrong(unknown[0], "is not a known key")

    def ended(self, value: _T) -> _T:
        self.end()
        return value
