"""The tables, as Markdown: for the terminal and for docs/accuracy.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from . import measures, speakers, words
from .bootstrap import Interval
from .corpus import NO_SPEECH, Recording
from .heard import Heard, Run
from .measures import OURS, HeardBy, Row

WORST = 10
WORD_PEERS = ("sequential", "filtered", "batched")
BEFORE = "before"


def tables(run: Run, recordings: Sequence[Recording]) -> str:
    """Everything that a run has something to say about, a tier after the other."""
    parts: list[str] = []
    for tier in run.heard:
        parts += _words(tier, recordings, of_words(run, tier))
        parts += section(
            f"Speakers: {tier}", table(speakers.rows(recordings, run, tier)), _counts(recordings, run, tier)
        )
    return "\n\n".join(parts) + "\n"


def compared(run: Run, before: Run, recordings: Sequence[Recording]) -> str:
    """What differs from an earlier run: the tables with it as a peer, and every recording with other words."""
    parts: list[str] = []
    for tier in run.heard:
        heard = {OURS: run.of(tier, OURS), BEFORE: before.of(tier, OURS)}
        parts += _words(tier, recordings, heard)
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


def _words(tier: str, recordings: Sequence[Recording], heard: HeardBy) -> list[str]:
    return [
        *section(f"Words: {tier}", table(measures.word_rows(recordings, heard))),
        *section(f"Times: {tier}", table(measures.time_rows(recordings, heard)), _spreads(recordings, heard)),
        *section(f"Languages: {tier}", *_languages(recordings, heard)),
        *section(f"Where nobody speaks: {tier}", _invented(recordings, heard)),
        *section(f"The worst {WORST}: {tier}", _worst(recordings, heard)),
        *section(f"Warnings: {tier}", _warnings(heard.get(OURS, {}))),
    ]


def of_words(run: Run, tier: str) -> HeardBy:
    return {system: found for system in (OURS, *WORD_PEERS) if (found := run.of(tier, system))}


def table(rows: Sequence[Row]) -> str:
    """One line a row: values with their intervals, then what each difference says."""
    if not rows:
        return ""
    systems = list(rows[0].values)
    peers = [system for system in systems if system != OURS]
    heading = ["", "recordings", "of", *systems, *(f"less {peer}" for peer in peers), "so ours is"]
    lines = [
        [
            row.name,
            str(row.recordings),
            f"{row.of:.0f}",
            *(percent(row.values[system]) for system in systems),
            *(points(row.differences[peer]) for peer in peers if peer in row.differences),
            ", ".join(f"{verdict} ({peer})" for peer, verdict in row.verdicts.items()),
        ]
        for row in rows
    ]
    return markdown(heading, lines)


def markdown(heading: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heading, ["---"] * len(heading), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def percent(found: Interval) -> str:
    bounds = "" if found.low is None or found.high is None else f" ({100 * found.low:.1f} to {100 * found.high:.1f})"
    return f"{100 * found.value:.1f} %{bounds}"


def points(found: Interval) -> str:
    bounds = "" if found.low is None or found.high is None else f" ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
    return f"{100 * found.value:+.1f}{bounds}"


def _spreads(recordings: Sequence[Recording], heard: HeardBy) -> str:
    spreads = {system: measures.border_spread_s(recordings, found) for system, found in heard.items()}
    lines = [[system, f"{found[0]:.3f} s", f"{found[1]:.3f} s"] for system, found in spreads.items() if found]
    return markdown(["borders of sentences", "median error", "95 % within"], lines) if lines else ""


def _languages(recordings: Sequence[Recording], heard: HeardBy) -> list[str]:
    row = measures.language_row(recordings, heard)
    lines = [
        [
            one.id,
            one.language,
            *(", ".join(found[one.id].languages) if one.id in found else "" for found in heard.values()),
        ]
        for one in recordings
        if one.language != NO_SPEECH
        and (
            one.switches_language
            or any(one.id in found and not words.language_is_right(one, found[one.id]) for found in heard.values())
        )
    ]
    return [table([row]) if row else "", markdown(["recording", "spoken", *heard], lines) if lines else ""]


def _invented(recordings: Sequence[Recording], heard: HeardBy) -> str:
    silent = [one for one in recordings if one.language == NO_SPEECH]
    lines = [[one.id, *(_words_in(found, one.id) for found in heard.values())] for one in silent]
    return markdown(["recording", *(f"words: {system}" for system in heard)], lines) if lines else ""


def _words_in(found: Mapping[str, Heard], recording: str) -> str:
    if recording not in found:
        return ""
    count = len(found[recording].words)
    return f"{count}: {found[recording].text[:60]}" if count else "0"


def _worst(recordings: Sequence[Recording], heard: HeardBy) -> str:
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


def _wrong(recording: Recording, found: Mapping[str, Heard]) -> str:
    if recording.id not in found or not recording.text:
        return ""
    count = words.compare(recording, found[recording.id])
    return f"{100 * count.wrong / count.said:.0f} %"


def _warnings(found: Mapping[str, Heard]) -> str:
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
