"""The options of a transcription: collected, validated, and resolved against the served models. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.subjects import Priority
from voicepipe_wire.transcript.languages import LANGUAGES
from voicepipe_wire.transcript.option_limits import (
    CHANNELS,
    MAX_KEYTERM_CHARACTERS,
    MAX_KEYTERMS,
    MAX_SPEAKERS,
    MAX_TRACK,
)

AUTO: Final = "auto"
TRANSCRIBE: Final = "transcribe"
# Best first.
QUALITY_TIERS: Final = ("accurate", "fast")
TASKS: Final = (TRANSCRIBE, "translate")
SEPARATE: Final = "separate"
NO_MODEL_RETRY_AFTER_S: Final = 15


@dataclass(frozen=True, slots=True)
class Options:
    """Options as a client gave them, each one valid."""

    model: str = AUTO
    language: str = AUTO
    task: str = TRANSCRIBE
    keyterms: tuple[str, ...] = ()
    diarize: bool = False
    min_speakers: int | None = None
    max_speakers: int | None = None
    priority: str = Priority.STANDARD
    # Of the request, not of the job: transcribe the recording even if its owner has a transcription of it.
    fresh: bool = False
    channels: str = AUTO
    # None leaves the choice to the decoder, which knows the tracks.
    track: int | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A served speech model, as its worker describes it."""

    name: str
    tier: str
    languages: frozenset[str]
    tasks: frozenset[str]

    def can(self, language: str, task: str) -> bool:
        return task in self.tasks and (language == AUTO or language in self.languages)


@dataclass(slots=True)
class RawOptions:
    """Values by option name, before they are parsed. Forms send an empty value for an option that is not set."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        """Collect one value; an empty one is ignored.

        Raises:
            Problem: 400 `unknown_option`.
        """
        if name not in _READERS:
            known, meant = ", ".join(_READERS), option_meant_by(name)
            hint = f"Is '{meant}' meant? " if meant else ""
            raise Problem.of("unknown_option", option=_printable(name), options=known, meant=hint)
        if value.strip():
            self.values.setdefault(name, []).append(value.strip())

    def add_all(self, items: Iterable[tuple[str, str]]) -> None:
        for name, value in items:
            self.add(name, value)


def option_meant_by(name: str) -> str | None:
    """The option that a client probably means by `name`: the option itself, a slip in typing it, or its name in other products.

    None if it is none of them. The first letter is right: people notice when that is wrong, and `mask` is not `task`.
    """
    folded = _folded(name)
    if folded in _OTHER_NAMES:
        return _OTHER_NAMES[folded]
    options = {_folded(option): option for option in _READERS if option[0] == folded[:1]}
    close = difflib.get_close_matches(folded, options, n=1, cutoff=_CLOSE)
    return options[close[0]] if close else None


def _folded(name: str) -> str:
    """In one case, without what separates words."""
    return re.sub(r"[\W_]", "", name[: 2 * _LONGEST_NAME_CHARS].casefold())


def read(raw: RawOptions) -> Options:
    """Parse and validate the options.

    Raises:
        Problem: 422 `invalid_option`; it names the option, its value and the allowed values.
    """
    options = Options(**{name: _READERS[name](name, values) for name, values in raw.values.items()})
    min_speakers, max_speakers = options.min_speakers, options.max_speakers
    if (min_speakers or max_speakers) and not options.diarize:
        raise _invalid(
            "min_speakers" if min_speakers else "max_speakers",
            str(min_speakers or max_speakers),
            "used together with diarize=true",
        )
    if min_speakers and max_speakers and min_speakers > max_speakers:
        raise _invalid("min_speakers", str(min_speakers), f"at most max_speakers, which is {max_speakers}")
    if options.channels == SEPARATE and options.diarize:
        raise _invalid("channels", SEPARATE, "used without diarize=true, because each channel is a speaker already")
    return options


def resolve(options: Options, models: Sequence[Model]) -> dict[str, Any]:
    """The options to store on the job, with one model chosen that supports the language and the task.

    Raises:
        Problem: 503 `no_model`, 422 `model_not_served` or 422 `invalid_option`.
    """
    model = _choose(options, models)
    return {
        "model": {"name": model.name, "tier": model.tier},
        "language": options.language,
        "task": options.task,
        "keyterms": list(options.keyterms),
        "diarize": options.diarize,
        "min_speakers": options.min_speakers,
        "max_speakers": options.max_speakers,
        "priority": options.priority,
        "channels": options.channels,
        "track": options.track,
    }


def _choose(options: Options, models: Sequence[Model]) -> Model:
    if not models:
        raise Problem.of("no_model", retry_after_s=NO_MODEL_RETRY_AFTER_S)
    in_order = sorted(models, key=lambda model: (QUALITY_TIERS.index(model.tier), model.name))
    allowed = [model for model in in_order if options.model in {AUTO, model.tier}]
    if not allowed:
        served = ", ".join(dict.fromkeys(model.tier for model in in_order))
        raise Problem.of("model_not_served", model=options.model, served=served)
    for model in allowed:
        if model.can(options.language, options.task):
            return model
    raise _cannot(options, allowed, in_order)


def _cannot(options: Options, models: Sequence[Model], served: Sequence[Model]) -> Problem:
    """None of the allowed `models` supports the language and task; the message names one of `served` that does."""
    which = "the model" if options.model == AUTO else f"model '{options.model}'"
    able = [model.tier for model in served if model.can(options.language, options.task)]
    hint = f". Model '{able[0]}' can do it" if able else ""
    if not any(options.task in model.tasks for model in models):
        tasks = sorted({task for model in models for task in model.tasks})
        return _invalid("task", options.task, f"a task of {which}: {', '.join(tasks)}{hint}")
    languages = sorted({code for model in models if options.task in model.tasks for code in model.languages})
    return _invalid("language", options.language, f"a language of {which}: {_abbreviate(languages)}, or auto{hint}")


def _one(name: str, values: Sequence[str]) -> str:
    if len(values) > 1:
        raise _invalid(name, ", ".join(values), "given once")
    return values[0].lower()


def _one_of(*allowed: str) -> Callable[[str, Sequence[str]], str]:
    def read_choice(name: str, values: Sequence[str]) -> str:
        value = _one(name, values)
        if value not in allowed:
            raise _invalid(name, value, f"one of {', '.join(allowed)}")
        return value

    return read_choice


def _language(name: str, values: Sequence[str]) -> str:
    value = _one(name, values)
    if value != AUTO and value not in LANGUAGES:
        by_name = {spoken.lower(): code for code, spoken in LANGUAGES.items()}
        hint = f"the code '{by_name[value]}'" if value in by_name else "a code such as en, de or ja"
        raise _invalid(name, value, f"auto, or {hint}; GET /v1/capabilities lists them")
    return value


def _yes_or_no(name: str, values: Sequence[str]) -> bool:
    return _one_of("true", "false")(name, values) == "true"


def _number(most: int) -> Callable[[str, Sequence[str]], int]:
    def read_number(name: str, values: Sequence[str]) -> int:
        value = _one(name, values)
        if not (value.isascii() and value.isdigit() and len(value) <= 3 and 1 <= int(value) <= most):  # noqa: PLR2004
            raise _invalid(name, value, f"a whole number from 1 to {most}")
        return int(value)

    return read_number


def _keyterms(name: str, values: Sequence[str]) -> tuple[str, ...]:
    """The distinct terms in the given order, with whitespace collapsed."""
    terms = tuple(dict.fromkeys(" ".join(term.split()) for value in values for term in value.split(",")))
    terms = tuple(term for term in terms if term)
    if len(terms) > MAX_KEYTERMS or sum(map(len, terms)) > MAX_KEYTERM_CHARACTERS:
        given = f"{len(terms)} terms of {sum(map(len, terms))} characters"
        raise _invalid(name, given, f"at most {MAX_KEYTERMS} terms and {MAX_KEYTERM_CHARACTERS} characters together")
    if not all(term.isprintable() for term in terms):
        raise _invalid(name, "characters that cannot be printed", "terms of printable characters")
    return terms


_READERS: Final[Mapping[str, Callable[[str, Sequence[str]], Any]]] = {
    "model": _one_of(AUTO, *QUALITY_TIERS),
    "language": _language,
    "task": _one_of(*TASKS),
    "keyterms": _keyterms,
    "diarize": _yes_or_no,
    "min_speakers": _number(MAX_SPEAKERS),
    "max_speakers": _number(MAX_SPEAKERS),
    "priority": _one_of(*Priority),
    "fresh": _yes_or_no,
    "channels": _one_of(*CHANNELS),
    "track": _number(MAX_TRACK),
}
NAMES: Final = tuple(_READERS)
# What other products and older versions call an option, without separators.
_OTHER_NAMES: Final[Mapping[str, str]] = {
    "lang": "language",
    "languagecode": "language",
    "locale": "language",
    "diarization": "diarize",
    "diarisation": "diarize",
    "speakerdiarization": "diarize",
    "speakerlabels": "diarize",
    "numspeakers": "max_speakers",
    "speakers": "max_speakers",
    "speakersexpected": "max_speakers",
    "hotwords": "keyterms",
    "vocabulary": "keyterms",
    "wordboost": "keyterms",
    "translate": "task",
}
# As difflib measures it: one letter of five is another, or two of a longer name.
_CLOSE: Final = 0.8
_LONGEST_NAME_CHARS: Final = max(map(len, NAMES))


def _invalid(option: str, given: str, allowed: str) -> Problem:
    return Problem.of("invalid_option", option=option, value=_printable(given), allowed=allowed)


def _printable(value: str, max_chars: int = 60) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in value)
    return shown if len(shown) <= max_chars else shown[: max_chars - 3] + "..."


def _abbreviate(values: Sequence[str], max_values: int = 20) -> str:
    return ", ".join(values[:max_values]) + (
        f" and {len(values) - max_values} more" if len(values) > max_values else ""
    )
