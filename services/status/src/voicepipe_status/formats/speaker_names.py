"""What people call the speakers: which names there may be, and how they are put over a transcript. Pure."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from voicepipe_wire.transcript.document import Transcript

MAX_CHARACTERS: Final = 100

# Controls, and halves of characters, which no UTF-8 can hold.
_NEVER: Final = frozenset({"Cc", "Cs"})
# They turn the direction of what follows (UAX 9), past the end of the name.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def collapse_whitespace(text: object) -> object:
    """White space as single spaces, none at the ends. What is no text stays as it is."""
    return " ".join(text.split()) if isinstance(text, str) else text


def check_name(name: str) -> str:
    """The name itself.

    Raises:
        ValueError: it holds what nobody can see or read; the message says what, and never repeats the name.
    """
    if any(unicodedata.category(char) in _NEVER or char in _TURNING for char in name):
        raise ValueError("a name has no control characters")
    if not any(unicodedata.category(char)[0] in "LNPS" for char in name):
        raise ValueError("a name has at least one character that can be seen")
    return name


def apply_names(transcript: Transcript, names: Mapping[str, str]) -> Transcript:
    """The transcript with the names that people gave, by id of the speaker; the others are called as before."""
    speakers = (replace(each, name=names.get(each.id, each.name)) for each in transcript.speakers)
    return replace(transcript, speakers=tuple(speakers))


def fingerprint(names: Mapping[str, str]) -> str:
    """To stand at the end of an ETag: another one for other names, empty for none."""
    return "-" + hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()[:16] if names else ""
