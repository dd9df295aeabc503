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
HOLDS = ("better", "no worse")


@dataclass(frozen=True, slots=True)
class Rows:
    """Of one tier."""

    words: Sequence[Row]
    times: Sequence[Row]
    languages: Sequence[Row]
    speakers: Sequence[Row] = ()

    def all(self) -> list[Row]:
        return [*self.words, *self.times, *self.languages, *self.speakers]


def rows_of_words(recordings: Sequence[Recording], heard: BySystem) -> Rows:
    language = measures.language_row(recordings, heard)
    return Rows(
        measures.word_rows(recordings, heard),
        measures.time_rows(recordings, heard),
        [language] if language else [],
    )


def rows(run: Run, recordings: Sequence[Recording], tier: str) -> Rows:
    of_words_only = rows_of_words(recordings, of_words(run, tier))
    return replace(of_words_only, speakers=speakers.rows(recordings, run, tier))


def tables(run: Run, recordings: Sequence[Recording]) -> str:
    """Whether the goal holds, then everything that a run has something to say about, a tier after the other."""
    found = {tier: rows(run, recordings, tier) for tier in run.heard}
    parts = section("The goal", goal(found))
    for tier, of_tier in found.items():
        parts += _words(tier, recordings, of_words(run, tier), of_tier)
        parts += section(f"Speakers: {tier}", table(of_tier.speakers), _counts(recordings, run, tier))
    return "\n\n".join(parts) + "\n"


def compared(run: Run, before: Run, recordings: Sequence[Recording]) -> str:
    """What differs from an earlier run: the tables with it as a peer, and every recording with other words."""
    parts: list[str] = []
    for tier in run.heard:
        heard = {OURS: run.of(tier, OURS), BEFORE: before.of(tier, OURS)}
        parts += _words(tier, recordings, heard, rows_of_words(recordings, heard))
        changed = [
            [
                one.id,
                *(_wrong(one, found) for found in heard.values()),
                *(found[one.id].text for found in heard.values()),
            ]
            for one in recordings
            if all(one.id in found for found in heard.values())
            and len({found[one.id].text for found in heard.values()}) > 1
        ]
        heading = ["recording", "wrong", "wrong before", "heard", "heard before"]
        parts += section(f"Changed: {tier}", markdown(heading, changed) if changed else "")
    return "\n\n".join(parts) + "\n"


def section(title: str, *parts: str) -> list[str]:
    """Without a heading where there is nothing below it."""
    return [f"## {title}", *filled] if (filled := [part for part in parts if part]) else []


def _words(tier: str, recordings: Sequence[Recording], heard: BySystem, found: Rows) -> list[str]:
    return [
        *section(f"Words: {tier}", table(found.words)),
        *section(f"Times: {tier}", table(found.times), _spreads(recordings, heard)),
        *section(f"Languages: {tier}", table(found.languages), _language_errors(recordings, heard)),
        *section(f"Where nobody speaks: {tier}", _invented(recordings, heard)),
        *section(f"The worst {WORST}: {tier}", _worst(recordings, heard)),
        *section(f"Warnings: {tier}", _warnings(heard.get(OURS, {}))),
    ]


def goal(found: Mapping[str, Rows]) -> str:
    """By tier: in which rows ours is not known to be no worse than a peer."""
    compared = [
        (tier, row, peer, verdict)
        for tier, of_tier in found.items()
        for row in of_tier.all()
        for peer, verdict in row.verdicts.items()
    ]
    if not compared:
        return "No peer was run, so nothing is known of the goal."
    holds = sum(verdict in HOLDS for *_, verdict in compared)
    lines = [
        [tier, row.name, str(row.recordings), peer, points(row.differences[peer]), verdict]
        for tier, row, peer, verdict in compared
        if verdict not in HOLDS
    ]
    said = f"It holds in {holds} of {len(compared)} comparisons (a row with a peer)."
    heading = ["tier", "row", "recordings", "peer", "difference", "ours is"]
    return f"{said} Not in these:\n\n{markdown(heading, lines)}" if lines else said


def of_words(run: Run, tier: str) -> BySystem:
    return {system: found for system in (OURS, *WORD_PEERS) if (found := run.of(tier, system))}


def table(rows: Sequence[Row]) -> str:
    """One line a row: ours with its interval, then of each peer its value and how ours differs from it."""
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
            *(_beside(row, peer) for peer in peers),
        ]
        for row in rows
    ]
    return markdown(heading, lines)


def _beside(row: Row, peer: str) -> str:
    if peer not in row.differences:
        return percent(row.values[peer])
    return f"{100 * row.values[peer].value:.1f} %; {points(row.differences[peer])} {row.verdicts[peer]}"


def markdown(heading: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heading, ["---"] * len(heading), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def percent(found: Interval) -> str:
    bounds = "" if found.low is None or found.high is None else f" ({100 * found.low:.1f} to {100 * found.high:.1f})"
    return f"{100 * found.value:.1f} %{bounds}"


def points(found: Interval) -> str:
    bounds = "" if found.low is None or found.high is None else f" ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
    return f"{100 * found.value:+.1f}{bounds}"


def _spreads(recordings: Sequence[Recording], heard: BySystem) -> str:
    spreads = {system: measures.border_spread_s(recordings, found) for system, found in heard.items()}
    lines = [[system, f"{found[0]:.3f} s", f"{found[1]:.3f} s"] for system, found in spreads.items() if found]
    return markdown(["borders of sentences", "median error", "95 % within"], lines) if lines else ""


def _language_errors(recordings: Sequence[Recording], heard: BySystem) -> str:
    lines = [
        [
            one.id,
            one.language,
            *(", ".join(found[one.id].languages) if one.id in found else "" for found in heard.values()),
        ]
        for one in recordings
        if one.language != NO_SPEECH
        and (one.switches_language or any(_is_mistaken(one, found) for found in heard.values()))
    ]
    return markdown(["recording", "spoken", *heard], lines) if lines else ""


def _is_mistaken(recording: Recording, found: Mapping[str, Hypothesis]) -> bool:
    heard = found.get(recording.id)
    return bool(heard and heard.languages) and not words.language_is_right(recording, found[recording.id])


def _invented(recordings: Sequence[Recording], heard: BySystem) -> str:
    silent = [one for one in recordings if one.language == NO_SPEECH]
    lines = [[one.id, *(_words_in(found, one.id) for found in heard.values())] for one in silent]
    return markdown(["recording", *(f"words: {system}" for system in heard)], lines) if lines else ""


def _words_in(found: Mapping[str, Hypothesis], recording: str) -> str:
    if recording not in found:
        return ""
    count = len(found[recording].words)
    return f"{count}: {found[recording].text[:60]}" if count else "0"


def _worst(recordings: Sequence[Recording], heard: BySystem) -> str:
    ours = heard.get(OURS, {})
    counts = {one.id: words.compare(one, ours[one.id]) for one in recordings if one.text and one.id in ours}
    known = {one.id: one for one in recordings}
    worst = sorted(counts.values(), key=lambda count: (-count.wrong / count.said, count.id))[:WORST]
    lines = [
        [
            count.id,
            *(_wrong(known[count.id], found) for found in heard.values()),
            known[count.id].text or "",
            ours[count.id].text,
        ]
        for count in worst
        if count.wrong
    ]
    return (
        markdown(["recording", *(f"wrong: {system}" for system in heard), "said", "heard by ours"], lines)
        if lines
        else ""
    )


def _wrong(recording: Recording, found: Mapping[str, Hypothesis]) -> str:
    if recording.id not in found or not recording.text:
        return ""
    count = words.compare(recording, found[recording.id])
    return f"{100 * count.wrong / count.said:.0f} %"


def _warnings(found: Mapping[str, Hypothesis]) -> str:
    lines = [[one.id, ", ".join(one.warnings)] for one in found.values() if one.warnings]
    return markdown(["recording", "warnings"], lines) if lines else ""


def _counts(recordings: Sequence[Recording], run: Run, tier: str) -> str:
    """Recordings in which a wrong number of speakers was found."""
    ours, stock = run.of(tier, OURS), run.of(tier, speakers.STOCK)
    lines = [
        [one.id, str(one.speakers), str(speakers.count(ours[one.id])), str(speakers.count(stock[one.id]))]
        for one in recordings
        if speakers.worth_it(one) and one.speakers and one.id in ours and one.id in stock
    ]
    wrong = [line for line in lines if len(set(line[1:])) > 1]
    return markdown(["recording", "speakers", OURS, speakers.STOCK], wrong) if wrong else ""
