"""Error measures: one `Share` for each system and recording, from which rows of rates are computed."""

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
FAR_S = 0.2  # a sentence boundary that is further off is wrong

BySystem = Mapping[str, Mapping[str, Hypothesis]]
"""Hypotheses by system, then by recording."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measure over some recordings. `differences` and `verdicts` compare ours with each peer."""

    name: str
    recordings: int
    of: float
    values: Mapping[str, Interval]
    differences: Mapping[str, Interval]

    @property
    def verdicts(self) -> dict[str, Verdict]:
        return {peer: verdict(difference) for peer, difference in self.differences.items()}


def row(name: str, shares: Mapping[str, Mapping[str, Share]]) -> Row | None:
    """A row over the recordings that every system has; None if there are none, or if they have no units."""
    common = set.intersection(*map(set, shares.values())) if shares else set()
    by_system = {system: [by_id[one] for one in sorted(common)] for system, by_id in shares.items()}
    if not common or not all(sum(share.of for share in own) for own in by_system.values()):
        return None
    ours = by_system.get(OURS)
    peers = {system: own for system, own in by_system.items() if system != OURS and ours}
    return Row(
        name,
        len(common),
        sum(share.of for share in next(iter(by_system.values()))),
        {system: rate(own) for system, own in by_system.items()},
        {system: difference(ours or [], own) for system, own in peers.items()},
    )


def shares(
    recordings: Sequence[Recording], hypotheses: BySystem, measure: Callable[[Recording, Hypothesis], Share]
) -> dict[str, dict[str, Share]]:
    return {
        system: {one.id: measure(one, results[one.id]) for one in recordings if one.id in results}
        for system, results in hypotheses.items()
    }


def word_errors(recording: Recording, hypothesis: Hypothesis) -> Share:
    count = words.compare(recording, hypothesis)
    return Share(count.wrong, count.units)


def far_boundaries(recording: Recording, hypothesis: Hypothesis) -> Share:
    errors_s = words.boundary_errors_s(recording, hypothesis)
    return Share(sum(abs(error_s) > FAR_S for error_s in errors_s), len(errors_s))


def outside_speech(recording: Recording, hypothesis: Hypothesis) -> Share:
    return Share(*words.outside_speech(recording, hypothesis))


def wrong_language(recording: Recording, hypothesis: Hypothesis) -> Share:
    """Without any words there is no language to be wrong."""
    return Share(not words.language_is_right(recording, hypothesis), 1) if hypothesis.languages else Share(0, 0)


def word_rows(recordings: Sequence[Recording], hypotheses: BySystem) -> list[Row]:
    """Rows by language, then code-switching, then overlapping speech, then totals by unit (words, characters)."""
    known = [one for one in recordings if one.text]
    single = [one for one in known if not one.is_talked_over and not one.switches_language]
    groups: dict[str, list[Recording]] = {}
    for one in sorted(single, key=lambda one: (one.language != "en", one.language)):
        groups.setdefault(one.language, []).append(one)
    for one in known:
        if one.switches_language:
            groups[f"{one.language}, code-switching"] = [one]
    groups["en, overlapping speech"] = [one for one in known if one.is_talked_over]
    if len({one.language for one in single}) > 1:
        groups["all, words"] = [one for one in single if one.language not in BY_CHARACTER]
        groups["all, characters"] = [one for one in single if one.language in BY_CHARACTER]
    rows = (row(name, shares(group, hypotheses, word_errors)) for name, group in groups.items())
    return [one for one in rows if one]


def time_rows(recordings: Sequence[Recording], hypotheses: BySystem) -> list[Row]:
    sentences = [one for one in recordings if one.sentences and not one.is_talked_over]
    timed = [one for one in recordings if one.stretches]
    rows = (
        row(f"sentence boundaries more than {FAR_S} s off", shares(sentences, hypotheses, far_boundaries)),
        row("words outside speech", shares(timed, hypotheses, outside_speech)),
    )
    return [one for one in rows if one]


def boundary_spread_s(
    recordings: Sequence[Recording], hypotheses: Mapping[str, Hypothesis]
) -> tuple[float, float] | None:
    """Median and 95th percentile of the absolute boundary errors; None if there are none."""
    errors_s = [
        abs(error_s)
        for one in recordings
        if one.id in hypotheses and one.sentences and not one.is_talked_over
        for error_s in words.boundary_errors_s(one, hypotheses[one.id])
    ]
    return (float(np.median(errors_s)), float(np.percentile(errors_s, 95))) if errors_s else None


def language_row(recordings: Sequence[Recording], hypotheses: BySystem) -> Row | None:
    monolingual = [one for one in recordings if one.language != NO_SPEECH and not one.switches_language]
    return row("recordings with a wrong language", shares(monolingual, hypotheses, wrong_language))
