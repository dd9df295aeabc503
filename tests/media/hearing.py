"""Compares a transcript with what must be heard in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fixtures.score import normal

from .makers import Made, Word

PLACE_S: Final = 0.5
IN_PLACE: Final = 0.85
IN_PLACE_UNKNOWN: Final = 0.7
TOO_MANY: Final = 0.15
# The model hears two words or none in one that it does not know.
TOO_MANY_UNKNOWN: Final = 0.4
DURATION_S: Final = 0.35

Heard = tuple[float, str, str | None]


def faults(made: Made, job: Mapping[str, Any], document: Mapping[str, Any] | None) -> list[str]:
    """What is wrong, in sentences; empty if all is right. `document` is None if the job has failed."""
    if made.error is not None or document is None:
        error = (job.get("error") or {}).get("code")
        return [] if error == made.error else [f"the error is {error}, not {made.error}"]
    heard = [
        (word["start_s"], text, word["speaker"])
        for segment in document["segments"]
        for word in segment["words"]
        for text in normal(word["text"])
    ]
    return [
        *_words(made, heard),
        *_warnings(made, job),
        *_duration(made, document),
        *(
            f"media.{name} is {job['media'][name]!r}, not {value!r}"
            for name, value in made.media.items()
            if job["media"][name] != value
        ),
    ]


def _words(made: Made, heard: Sequence[Heard]) -> Iterator[str]:
    placed = list(_placed(made, heard))
    if len(placed) < (IN_PLACE if made.are_known else IN_PLACE_UNKNOWN) * len(made.words):
        found = {word for word, _ in placed}
        missing = [(word.start_s, word.text) for word in made.words if word not in found]
        yield f"{len(placed)} of {len(made.words)} words are in their place; missing: {missing}; heard: {heard}"
    expected = Counter(word.text if made.are_known else "" for word in (*made.words, *made.lost))
    surplus = Counter(text if made.are_known else "" for _, text, _ in heard) - expected
    if surplus.total() > (TOO_MANY if made.are_known else TOO_MANY_UNKNOWN) * expected.total():
        yield f"too many words: {dict(surplus)}"
    if made.speakers:
        yield from _speakers(made, placed)


def _placed(made: Made, heard: Sequence[Heard]) -> Iterator[tuple[Word, Heard]]:
    """Each word with what was heard in its place. Nothing counts twice."""
    left = list(heard)
    for word in made.words:
        near = [each for each in left if abs(each[0] - word.start_s) <= PLACE_S]
        if made.are_known:
            near = [each for each in near if each[1] == word.text]
        if near:
            match = min(near, key=lambda each: abs(each[0] - word.start_s))
            left.remove(match)
            yield word, match


def _speakers(made: Made, placed: Sequence[tuple[Word, Heard]]) -> Iterator[str]:
    """Every channel must be one speaker, another than those of the other channels."""
    pairs = Counter((word.channel, speaker) for word, (_, _, speaker) in placed)
    channels, speakers = ({pair[place] for pair in pairs} for place in (0, 1))
    if not len(pairs) == len(channels) == len(speakers) == made.speakers or None in speakers:
        yield f"channels and speakers do not agree: {dict(pairs)}"


def _warnings(made: Made, job: Mapping[str, Any]) -> Iterator[str]:
    warnings = {warning["code"]: warning for warning in job["warnings"]}
    unwanted = warnings.keys() - made.warnings.keys() - set(made.allowed)
    if unwanted:
        yield f"unwanted warnings: {[warnings[code] for code in sorted(unwanted)]}"
    for code, seconds in made.warnings.items():
        if code not in warnings:
            yield f"no warning {code}"
        elif seconds is not None and abs((warnings[code].get("duration_s") or 0.0) - seconds[0]) > seconds[1]:
            yield f"{code} names {warnings[code]}, not {seconds[0]:.2f} s"


def _duration(made: Made, document: Mapping[str, Any]) -> Iterator[str]:
    if made.duration_s is not None and abs(document["duration_s"] - made.duration_s) > DURATION_S:
        yield f"it lasts {document['duration_s']} s, not {made.duration_s:.2f} s"
