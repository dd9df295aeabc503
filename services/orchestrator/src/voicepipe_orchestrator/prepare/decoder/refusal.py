"""An error of the file that its owner can do something about."""

from __future__ import annotations


class Refused(Exception):
    """`code` is a code of the error catalogue, `values` fill the fields of its sentence."""

    def __init__(self, code: str, **values: str | float) -> None:
        super().__init__(code)
        self.code, self.values = code, values
