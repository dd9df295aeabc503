"""From what was heard to shares that can be compared: one `Share` a recording, by system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from . import words
from .bootstrap import Interval, Share, Verdict, difference, rate, verdict
from .corpus import NO_SPEECH, Recording
from .normalization import BY_CHARACTER
from .runs import Hypothesis

OURS = "ours"
FAR_S = 0.2  # a border of a sentence that is this far off is wrong

BySystem = Mapping[str, Mapping[str, Hypothesis]]
"""By system, then by recording."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of some recordings. `differences` and `verdicts` are of ours to each peer."""

    name: str
    recordings: int
    of: float
    values: Mapping[str, Interval]
    differences: Mapping[str, Interval]

    @property
    def verdicts(self) -> dict[str, Verdict]:
        return {peer: verdict(found) for peer, found in self.differences.items()}


def row(name: str, shares: Mapping[str, Mapping[str, Share]]) -> Row | None:
    """Of the recordings that every system heard; None where there are none, or nothing can be wrong in them."""
    common = set.intersection(*(set(found) for found in shares.values())) if shares else set()
    of_each = {system: [found[one] for one in sorted(common)] for system, found in shares.items()}
    if not common or not all(sum(share.of for share in found) for found in of_each.values()):
        return None
    ours = of_each.get(OURS)
    peers = {system: found for system, found in of_each.items() if system != OURS and ours}
    return Row(
        name,
        len(common),
        sum(share.of for share in next(iter(of_each.values()))),
        {system: rate(found) for system, found in of_each.items()},
        {system: difference(ours or [], found) for system, found in peers.items()},
    )


def shares(
    recordings: Sequence[Recording], heard: BySystem, measure: Callable[[Recording, Hypothesis], Share]
) -> dict[str, dict[str, Share]]:
    return {
        system: {one.id: measure(one, found[one.id]) for one in recordings if one.id in found}
        for system, found in heard.items()
    }


def word_errors(recording: Recording, heard: Hypothesis) -> Share:
    count = words.compare(recording, heard)
    return Share(count.wrong, count.said)


def far_borders(recording: Recording, heard: Hypothesis) -> Share:
    errors_s = words.border_errors_s(recording, heard)
    return Share(sum(abs(error_s) > FAR_S for error_s in errors_s), len(errors_s))


def outside_speech(recording: Recording, heard: Hypothesis) -> Share:
    return Share(*words.outside_speech(recording, heard))


def wrong_language(recording: Recording, heard: Hypothesis) -> Share:
    """Where nothing was heard, nothing has a language."""
    return Share(not words.language_is_right(recording, heard), 1) if heard.languages else Share(0, 0)


def word_rows(recordings: Sequence[Recording], heard: BySystem) -> list[Row]:
    """By language, then languages that change, then people who talk at once, then all of one script together."""
    known = [one for one in recordings if one.text]
    single = [one for one in known if not one.is_talked_over and not one.switches_language]
    groups: dict[str, list[Recording]] = {}
    for one in sorted(single, key=lambda one: (one.language != "en", one.language)):
        groups.setdefault(one.language, []).append(one)
    for one in known:
        if one.switches_language:
            groups[f"{one.language}, changing"] = [one]
    groups["en, two at once"] = [one for one in known if one.is_talked_over]
    if len({one.language for one in single}) > 1:
        groups["all, words"] = [one for one in single if one.language not in BY_CHARACTER]
        groups["all, characters"] = [one for one in single if one.language in BY_CHARACTER]
    found = (row(name, shares(some, heard, word_errors)) for name, some in groups.items())
    return [one for one in found if one]


def time_rows(recordings: Sequence[Recording], heard: BySystem) -> list[Row]:
    sentences = [one for one in recordings if one.sentences and not one.is_talked_over]
    spoken = [one for one in recordings if one.stretches]
    found = (
        row(f"borders of sentences more than {FAR_S} s off", shares(sentences, heard, far_borders)),
        row("words where nobody speaks", shares(spoken, heard, outside_speech)),
    )
    return [one for one in found if one]


def border_spread_s(recordings: Sequence[Recording], heard: Mapping[str, Hypothesis]) -> tuple[float, float] | None:
    """Median and 95th percentile of the absolute errors; None where there are none."""
    errors_s = [
        abs(error_s)
        for one in recordings
        if one.id in heard and one.sentences and not one.is_talked_over
        for error_s in words.border_errors_s(one, heard[one.id])
    ]
    return (float(np.median(errors_s)), float(np.percentile(errors_s, 95))) if errors_s else None


def language_row(recordings: Sequence[Recording], heard: BySystem) -> Row | None:
    spoken = [one for one in recordings if one.language != NO_SPEECH and not one.switches_language]
    return row("recordings with a wrong language", shares(spoken, heard, wrong_language))
