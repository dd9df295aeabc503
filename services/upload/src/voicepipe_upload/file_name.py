"""Makes names and media types declared by clients safe to store and to show. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from python_multipart.multipart import parse_options_header
from voicepipe_wire.errors import Problem

DEFAULT_NAME: Final = "recording"
MAX_NAME_CHARS: Final = 255
UNKNOWN_TYPE: Final = "application/octet-stream"

# Media containers registered outside audio/ and video/.
# What `curl --data-binary` declares of any file. It says nothing of the body, whose first bytes decide.
_CLIENT_DEFAULT: Final = "application/x-www-form-urlencoded"
_OTHER_MEDIA_TYPES: Final = frozenset({UNKNOWN_TYPE, "application/ogg", "application/mp4", "application/x-matroska"})
# Tokens of RFC 9110, at most 60 characters each.
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")

# Python's `mimetypes` depends on the machine and lacks half of these.
_TYPE_BY_EXTENSION: Final[Mapping[str, str]] = {
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mka": "audio/x-matroska",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "webm": "video/webm",
    "wma": "audio/x-ms-wma",
}


def safe_name(declared: str | None) -> str:
    """The last component of a POSIX or Windows path, without control and formatting characters; never empty."""
    last = re.split(r"[/\\]", declared or "")[-1]
    visible = "".join(char for char in last if unicodedata.category(char)[0] != "C")
    return visible.strip(" .")[:MAX_NAME_CHARS].rstrip(" .") or DEFAULT_NAME


def name_in_disposition(header: str | None) -> str | None:
    """The file name in a Content-Disposition (RFC 6266): `filename*` wins over `filename`."""
    for value in re.findall(r"filename\*\s*=\s*utf-8''([^;\s]+)", header or "", re.IGNORECASE):
        return unquote(value)
    plain = parse_options_header(header)[1].get(b"filename")
    return None if plain is None else plain.decode(errors="replace")


def media_type(declared: str | None, name: str) -> str:
    """The declared type without parameters, or the type of the name's extension.

    Raises:
        Problem: 415 `unsupported_media_type`; the declared type is neither audio nor video, nor a default of clients.
    """
    declared = (declared or "").partition(";")[0].strip().lower()
    if declared == _CLIENT_DEFAULT:
        declared = ""
    if declared and not _is_media(declared):
        raise Problem.of("unsupported_media_type", declared=declared[:80])
    if declared in {"", UNKNOWN_TYPE}:
        return _TYPE_BY_EXTENSION.get(name.rpartition(".")[2].lower(), UNKNOWN_TYPE)
    return declared


def _is_media(declared: str) -> bool:
    if not _MEDIA_TYPE.fullmatch(declared):
        return False
    return declared.startswith(("audio/", "video/")) or declared in _OTHER_MEDIA_TYPES
