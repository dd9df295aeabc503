"""PARAMS: one JSON object with the parameters of a request. An unknown key is an error, so a typo is never ignored."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from .errors import BadParams

Op = Literal["transcribe", "detect", "describe"]
Task = Literal["transcribe", "translate"]

BEAM_MAX = 10
TEMPERATURE_MAX = 2.0
NEW_TOKENS_MAX = 224  # half of Whisper's text context; the other half is for the prompt
PROMPT_MAX_CHARS = 4_000  # about four times what fits into the prompt; the model uses the end
SEED_MAX = 2**63 - 1
LANGUAGE_MAX_CHARS = 8


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters of one request, with the defaults of missing keys.

    `language` None: detect it. `switch_above`: a detected language replaces the given one if its probability is at
    least this. `prompt`: preceding text, or terms to expect. `temperature` above 0: sample the text, reproducibly for
    the same audio and parameters, `seed` included. `timestamps`: the model emits timestamp tokens (`segments` in the
    result). `word_timestamps`: align every word. `suppress_blank`: forbid empty text.
    """

    op: Op = "transcribe"
    language: str | None = None
    task: Task = "transcribe"
    prompt: str | None = None
    beam: int = 1
    temperature: float = 0.0
    word_timestamps: bool = True
    timestamps: bool = False
    suppress_blank: bool = False
    max_new_tokens: int | None = None
    switch_above: float | None = None
    seed: int = 0


def parse(raw: bytes) -> Params:
    """Parse and check the bytes of PARAMS.

    Raises:
        BadParams: the message names the key and its allowed values.
    """
    try:
        document = json.loads(raw or b"{}")
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadParams("PARAMS is not JSON") from error
    if not isinstance(document, dict):
        raise BadParams("PARAMS must be a JSON object")
    known = {field.name for field in fields(Params)}
    if unknown := sorted(set(document) - known):
        raise BadParams(f"unknown key {unknown[0]!r}; the keys are {', '.join(sorted(known))}")
    for key, value in document.items():
        _check(key, value)
    return Params(**document)


def _check(key: str, value: Any) -> None:
    match key:
        case "op":
            _expect(value in get_args(Op), key, "one of " + ", ".join(get_args(Op)))
        case "task":
            _expect(value in get_args(Task), key, "one of " + ", ".join(get_args(Task)))
        case "language":
            is_code = isinstance(value, str) and 0 < len(value) <= LANGUAGE_MAX_CHARS
            _expect(value is None or is_code, key, "a language code or null")
        case "prompt":
            is_text = isinstance(value, str) and len(value) <= PROMPT_MAX_CHARS
            _expect(value is None or is_text, key, f"text of at most {PROMPT_MAX_CHARS} characters or null")
        case "beam":
            _expect(_is_int(value) and 1 <= value <= BEAM_MAX, key, f"a whole number from 1 to {BEAM_MAX}")
        case "temperature":
            is_number = (_is_int(value) or isinstance(value, float)) and math.isfinite(value)
            _expect(is_number and 0 <= value <= TEMPERATURE_MAX, key, f"a number from 0 to {TEMPERATURE_MAX}")
        case "switch_above":
            is_number = (_is_int(value) or isinstance(value, float)) and math.isfinite(value)
            _expect(value is None or (is_number and 0 < value <= 1), key, "a probability above 0, or null")
        case "max_new_tokens":
            is_count = _is_int(value) and 1 <= value <= NEW_TOKENS_MAX
            _expect(value is None or is_count, key, f"a whole number from 1 to {NEW_TOKENS_MAX} or null")
        case "seed":
            _expect(_is_int(value) and 0 <= value <= SEED_MAX, key, f"a whole number from 0 to {SEED_MAX}")
        case _:
            _expect(isinstance(value, bool), key, "true or false")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _expect(valid: bool, key: str, allowed: str) -> None:
    if not valid:
        raise BadParams(f"{key} must be {allowed}")
