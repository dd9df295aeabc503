"""Names given to speakers: validation, and applying them to a transcript. Pure."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from voicepipe_wire.transcript.document import Transcript

MAX_CHARACTERS: Final = 100

# Control characters, and surrogates, which UTF-8 cannot encode.
_NEVER: Final = frozenset({"Cc", "Cs"})
# Bidirectional controls (UAX 9), which affect text past the end of the name.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def collapse_whitespace(text: object) -> object:
    """Strip text and collapse its whitespace to single spaces. Other values are returned as they are."""
    return " ".join(text.split()) if isinstance(text, str) else text


def check_name(name: str) -> str:
    """The name itself, if it is valid.

    Raises:
        ValueError: it has forbidden characters or no visible one. The message never repeats the name.
    """
    if any(unicodedata.category(char) in _NEVER or char in _TURNING for char in name):
        raise ValueError("a name must not contain control characters")
    if not any(unicodedata.category(char)[0] in "LNPS" for char in name):
        raise ValueError("a name must contain at least one visible character")
    return name


def apply_names(transcript: Transcript, names: Mapping[str, str]) -> Transcript:
    """The transcript with its speakers renamed; `names` maps speaker ids to names."""
    speakers = (replace(each, name=names.get(each.id, each.name)) for each in transcript.speakers)
    return replace(transcript, speakers=tuple(speakers))


def fingerprint(names: Mapping[str, str]) -> str:
    """A suffix for an ETag that depends on the names; empty if there are none."""
    return "-" + hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()[:16] if names else ""
