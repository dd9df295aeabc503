"""The tables, as Markdown: for the terminal and for docs/accuracy.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from . import measures, speakers, words
from .bootstrap import Interval
from .corpus import NO_SPEECH, Recording
from .measures import OURS, BySystem, Row
from .runs import Hypothesis, Run

WORST = 10
WORD_PEERS = ("sequential", "filtered", "batched")
BEFORE = "before"
GOAL_MET = ("better", "no worse")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one tier."""

    words: Sequence[Row]
    times: Sequence[Row]
    languages: Sequence[Row]
    speakers: Sequence[Row] = ()

    def all(self) -> list[Row]:
        return [*self.words, *self.times, *self.languages, *self.speakers]


def word_rows(recordings: Sequence[Recording], hypotheses: BySystem) -> Rows:
    language = measures.language_row(recordings, hypotheses)
    return Rows(
        measures.word_rows(recordings, hypotheses),
        measures.time_rows(recordings, hypotheses),
        [language] if language else [],
    )


def rows(run: Run, recordings: Sequence[Recording], tier: str) -> Rows:
    without_speakers = word_rows(recordings, word_systems(run, tier))
    return replace(without_speakers, speakers=speakers.rows(recordings, run, tier))


def tables(run: Run, recordings: Sequence[Recording]) -> str:
    """Whether the goal is met, then all tables for which the run has data, one tier after another."""
    by_tier = {tier: rows(run, recordings, tier) for tier in run.hypotheses}
    parts = section("The goal", goal(by_tier))
    for tier, tier_rows in by_tier.items():
        parts += _words(tier, recordings, word_systems(run, tier), tier_rows)
        parts += section(f"Speakers: {tier}", table(tier_rows.speakers), _wrong_counts(recordings, run, tier))
    return "\n\n".join(parts) + "\n"


def changes(run: Run, before: Run, recordings: Sequence[Recording]) -> str:
    """The differences from an earlier run: tables with that run as a peer, and every recording whose text changed."""
    parts: list[str] = []
    for tier in run.hypotheses:
        hypotheses = {OURS: run.of(tier, OURS), BEFORE: before.of(tier, OURS)}
        parts += _words(tier, recordings, hypotheses, word_rows(recordings, hypotheses))
        changed = [
            [
                one.id,
                *(_error_rate(one, results) for results in hypotheses.values()),
                *(results[one.id].text for results in hypotheses.values()),
            ]
            for one in recordings
            if all(one.id in results for results in hypotheses.values())
            and len({results[one.id].text for results in hypotheses.values()}) > 1
        ]
        heading = ["recording", "errors", "errors before", "text", "text before"]
        parts += section(f"Changed: {tier}", markdown(heading, changed) if changed else "")
    return "\n\n".join(parts) + "\n"


def section(title: str, *parts: str) -> list[str]:
    """The heading and the parts that are not empty; nothing if all of them are."""
    return [f"## {title}", *filled] if (filled := [part for part in parts if part]) else []


def _words(tier: str, recordings: Sequence[Recording], hypotheses: BySystem, tier_rows: Rows) -> list[str]:
    return [
        *section(f"Words: {tier}", table(tier_rows.words)),
        *section(f"Times: {tier}", table(tier_rows.times), _spreads(recordings, hypotheses)),
        *section(f"Languages: {tier}", table(tier_rows.languages), _language_errors(recordings, hypotheses)),
        *section(f"Recordings without speech: {tier}", _invented(recordings, hypotheses)),
        *section(f"The worst {WORST}: {tier}", _worst(recordings, hypotheses)),
        *section(f"Warnings: {tier}", _warnings(hypotheses.get(OURS, {}))),
    ]


def goal(by_tier: Mapping[str, Rows]) -> str:
    """How many comparisons meet the goal, and a table of the others."""
    comparisons = [
        (tier, row, peer, verdict)
        for tier, tier_rows in by_tier.items()
        for row in tier_rows.all()
        for peer, verdict in row.verdicts.items()
    ]
    if not comparisons:
        return "No peer was run, so the goal cannot be checked."
    met = sum(verdict in GOAL_MET for *_, verdict in comparisons)
    lines = [
        [tier, row.name, str(row.recordings), peer, points(row.differences[peer]), verdict]
        for tier, row, peer, verdict in comparisons
        if verdict not in GOAL_MET
    ]
    summary = f"It is met in {met} of {len(comparisons)} comparisons (one row, one peer)."
    heading = ["tier", "row", "recordings", "peer", "difference", "verdict"]
    return f"{summary} It is not met in these:\n\n{markdown(heading, lines)}" if lines else summary


def word_systems(run: Run, tier: str) -> BySystem:
    return {system: results for system in (OURS, *WORD_PEERS) if (results := run.of(tier, system))}


def table(rows: Sequence[Row]) -> str:
    """One line for each row: ours with its interval, then the value of each peer and the difference of ours from it."""
    if not rows:
        return ""
    peers = [system for system in rows[0].values if system != OURS]
    heading = ["", "recordings", "of", *([OURS] if OURS in rows[0].values else []), *peers]
    lines = [
        [
            row.name,
            str(row.recordings),
            f"{row.of:.0f}",
            *([percent(row.values[OURS])] if OURS in row.values else []),
            *(_peer_cell(row, peer) for peer in peers),
        ]
        for row in rows
    ]
    return markdown(heading, lines)


def _peer_cell(row: Row, peer: str) -> str:
    if peer not in row.differences:
        return percent(row.values[peer])
    return f"{100 * row.values[peer].value:.1f} %; {points(row.differences[peer])} {row.verdicts[peer]}"


def markdown(heading: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heading, ["---"] * len(heading), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def percent(interval: Interval) -> str:
    bounds = (
        ""
        if interval.low is None or interval.high is None
        else f" ({100 * interval.low:.1f} to {100 * interval.high:.1f})"
    )
    return f"{100 * interval.value:.1f} %{bounds}"


def points(interval: Interval) -> str:
    bounds = (
        ""
        if interval.low is None or interval.high is None
        else f" ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"
    )
    return f"{100 * interval.value:+.1f}{bounds}"


def _spreads(recordings: Sequence[Recording], hypotheses: BySystem) -> str:
    spreads = {system: measures.boundary_spread_s(recordings, results) for system, results in hypotheses.items()}
    lines = [[system, f"{spread[0]:.3f} s", f"{spread[1]:.3f} s"] for system, spread in spreads.items() if spread]
    return markdown(["sentence boundaries", "median error", "95 % within"], lines) if lines else ""


def _language_errors(recordings: Sequence[Recording], hypotheses: BySystem) -> str:
    lines = [
        [
            one.id,
            one.language,
            *(", ".join(results[one.id].languages) if one.id in results else "" for results in hypotheses.values()),
        ]
        for one in recordings
        if one.language != NO_SPEECH
        and (one.switches_language or any(_is_mistaken(one, results) for results in hypotheses.values()))
    ]
    return markdown(["recording", "spoken", *hypotheses], lines) if lines else ""


def _is_mistaken(recording: Recording, results: Mapping[str, Hypothesis]) -> bool:
    hypothesis = results.get(recording.id)
    return bool(hypothesis and hypothesis.languages) and not words.language_is_right(recording, results[recording.id])


def _invented(recordings: Sequence[Recording], hypotheses: BySystem) -> str:
    silent = [one for one in recordings if one.language == NO_SPEECH]
    lines = [[one.id, *(_words_in(results, one.id) for results in hypotheses.values())] for one in silent]
    return markdown(["recording", *(f"words: {system}" for system in hypotheses)], lines) if lines else ""


def _words_in(results: Mapping[str, Hypothesis], recording: str) -> str:
    if recording not in results:
        return ""
    count = len(results[recording].words)
    return f"{count}: {results[recording].text[:60]}" if count else "0"


def _worst(recordings: Sequence[Recording], hypotheses: BySystem) -> str:
    ours = hypotheses.get(OURS, {})
    counts = {one.id: words.compare(one, ours[one.id]) for one in recordings if one.text and one.id in ours}
    known = {one.id: one for one in recordings}
    worst = sorted(counts.values(), key=lambda count: (-count.wrong / count.units, count.id))[:WORST]
    lines = [
        [
            count.id,
            *(_error_rate(known[count.id], results) for results in hypotheses.values()),
            known[count.id].text or "",
            ours[count.id].text,
        ]
        for count in worst
        if count.wrong
    ]
    return (
        markdown(["recording", *(f"errors: {system}" for system in hypotheses), "reference", "text: ours"], lines)
        if lines
        else ""
    )


def _error_rate(recording: Recording, results: Mapping[str, Hypothesis]) -> str:
    if recording.id not in results or not recording.text:
        return ""
    count = words.compare(recording, results[recording.id])
    return f"{100 * count.wrong / count.units:.0f} %"


def _warnings(results: Mapping[str, Hypothesis]) -> str:
    lines = [[one.id, ", ".join(one.warnings)] for one in results.values() if one.warnings]
    return markdown(["recording", "warnings"], lines) if lines else ""


def _wrong_counts(recordings: Sequence[Recording], run: Run, tier: str) -> str:
    """The recordings in which ours or stock detected a wrong number of speakers."""
    ours, stock = run.of(tier, OURS), run.of(tier, speakers.STOCK)
    lines = [
        [one.id, str(one.speakers), str(speakers.count(ours[one.id])), str(speakers.count(stock[one.id]))]
        for one in recordings
        if speakers.is_diarized(one) and one.speakers and one.id in ours and one.id in stock
    ]
    wrong = [line for line in lines if len(set(line[1:])) > 1]
    return markdown(["recording", "speakers", OURS, speakers.STOCK], wrong) if wrong else ""
