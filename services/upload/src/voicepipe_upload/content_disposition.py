r"""Reads Content-Disposition (RFC 6266), of a request and of the parts of a form, as clients really write it. Pure.

| written by | form of the name |
|---|---|
| RFC 6266, .NET, aiohttp | `filename*=UTF-8''p%C3%A4use.wav` (RFC 8187); it wins |
| browsers, in a form | the bytes of the name, with `%22`, `%0D` and `%0A` for a quote and line breaks, and a backslash that escapes nothing |
| curl until 7.80, Go, httpx | `\"` and `\\` in a quoted string |
| .NET, JavaMail | `=?utf-8?B?...?=` (RFC 2047) |

A backslash before anything else is part of the name: old browsers send whole Windows paths.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Final
from urllib.parse import unquote_to_bytes

from .file_name import text_of

_PARAMETER: Final = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:\\.|[^"\\])*"?|[^;]*)')
_EXTENDED: Final = re.compile(r"([\w-]+)'[^']*'(.*)", re.ASCII)
_CHARSETS: Final = frozenset({"utf-8", "iso-8859-1"})
_ENCODED_WORD: Final = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?]*\?=")


@dataclass(frozen=True, slots=True)
class Disposition:
    """`name` is the name of a form field; `file_name` is None if there is none, and "" if it is empty."""

    name: str | None
    file_name: str | None


def of_request(header: str | None) -> Disposition:
    """The header of a request; `header` is what its bytes are in Latin-1."""
    parameters = _parameters(header or "")
    return Disposition(_text(parameters.get("name")), _file_name(parameters))


def of_part(header: str | None) -> Disposition:
    """The header of a part of a form, where browsers write some characters as `%XX` and leave `%` itself as it is."""
    parameters = {name: _as_in_forms(value) for name, value in _parameters(header or "").items()}
    return Disposition(_text(parameters.get("name")), _file_name(parameters))


def _parameters(header: str) -> dict[str, str]:
    """By name in lower case; the first of equal ones counts."""
    parameters: dict[str, str] = {}
    for name, value in _PARAMETER.findall(header):
        parameters.setdefault(name.lower(), _unquoted(value.strip()))
    return parameters


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r'\\(["\\])', r"\1", value[1:].removesuffix('"'))


def _as_in_forms(value: str) -> str:
    """What the HTML standard escapes in a form, and nothing else."""
    return re.sub(r"%(22|0D|0A)", lambda match: chr(int(match[1], 16)), value, flags=re.IGNORECASE)


def _file_name(parameters: dict[str, str]) -> str | None:
    extended = _extended(parameters.get("filename*", ""))
    return extended if extended is not None else _text(parameters.get("filename"))


def _extended(value: str) -> str | None:
    """The value of an extended parameter (RFC 8187); None if it is malformed."""
    match = _EXTENDED.fullmatch(value)
    if match is None:
        return None
    charset, raw = match[1].lower(), unquote_to_bytes(match[2])
    try:
        return raw.decode(charset) if charset in _CHARSETS else text_of(raw)
    except UnicodeDecodeError:
        return text_of(raw)


def _text(value: str | None) -> str | None:
    if value is None:
        return None
    text = text_of(value.encode("latin-1", "replace"))
    if _ENCODED_WORD.search(text) is None:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return text
