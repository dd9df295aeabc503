"""Makes names declared by clients safe to store and to show. Pure.

A name comes back as its user wrote it, in its normalization form, except for what is not safe:

- Folders. The last component of a POSIX or Windows path is kept.
- Control characters. Whitespace among them, such as a line break, becomes one space.
- Characters that override or embed a direction of writing. They can show `gpj.exe` as `exe.jpg`. Letters and marks of right-to-left
  scripts reorder nothing but themselves, and are kept, as are joiners: emoji, Persian and Indic scripts need them.
- Lone surrogates and noncharacters, which are not text. Characters that this Python does not know yet are: new emoji.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

DEFAULT_NAME: Final = "recording"
MAX_NAME_CHARS: Final = 255
# A longer one is no extension.
_MAX_EXTENSION_CHARS: Final = 16

_LINE_WHITESPACE: Final = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
_NONCHARACTERS: Final = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_UNSAFE: Final = re.compile(
    f"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff{_NONCHARACTERS}]"
)
_ZERO_WIDTH_JOINER: Final = "\u200d"
_SKIN_TONES: Final = "\U0001f3fb-\U0001f3ff"
_TAGS: Final = "\U000e0020-\U000e007f"
_CONTINUES: Final = re.compile(f"[{_ZERO_WIDTH_JOINER}{_SKIN_TONES}{_TAGS}]")


def safe_name(declared: str | None) -> str:
    """The name to store; never empty, at most `MAX_NAME_CHARS` long. A longer one keeps its extension."""
    one_line = _UNSAFE.sub("", _LINE_WHITESPACE.sub(" ", declared or ""))
    components = [each for each in re.split(r"[/\\]", one_line) if any(map(_is_visible, each))]
    return _shortened(components[-1].strip()) if components else DEFAULT_NAME


def text_of(raw: bytes) -> str:
    """A name from bytes of no declared encoding: UTF-8, or else what Windows in western Europe writes. Never fails."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _is_visible(char: str) -> bool:
    return char != "." and unicodedata.category(char) not in {"Cf", "Zs"}


def _shortened(name: str) -> str:
    if len(name) <= MAX_NAME_CHARS:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > _MAX_EXTENSION_CHARS:
        stem, dot, extension = name, "", ""
    end = MAX_NAME_CHARS - len(dot + extension)
    # Not between a letter and its accent, or inside an emoji.
    while end > 1 and (_continues(stem[end]) or stem[end - 1] == _ZERO_WIDTH_JOINER):
        end -= 1
    return f"{stem[:end].strip()}{dot}{extension}"


def _continues(char: str) -> bool:
    """Whether it belongs to the character before it."""
    return unicodedata.category(char).startswith("M") or _CONTINUES.match(char) is not None
