"""From what was heard to how wrong the speakers are, ours beside stock pyannote's, as shares by recording."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .bootstrap import Share
from .corpus import ROOT, Recording
from .measures import OURS, Row, row
from .normalization import units, units_of_words
from .runs import Hypothesis, Run
from .speaker_errors import SpeakerWords, cpwer, given_to_turns, wder

STOCK = "stock"
WORDS_FOR_STOCK = "filtered"  # faster-whisper's words, given to the turns of stock pyannote
COLLARS_S = (0.0, 0.25)
ALONE_FROM_S = 15.0  # a recording of one person is worth the time of a diarizer from there on
PROGRAM = Path(__file__).with_name("diarization_error.py")


def worth_it(recording: Recording) -> bool:
    """Whether speakers are asked for: somebody knows who speaks when, or at least how many they are."""
    several = (recording.speakers or 0) > 1
    alone = recording.speakers == 1 and recording.duration_s >= ALONE_FROM_S
    return bool(recording.stretches) or several or alone


def rows(recordings: Sequence[Recording], run: Run, tier: str) -> list[Row]:
    if not any(one.turns for one in run.of(tier, OURS).values()):  # nobody asked for speakers
        return []
    chosen = [one for one in recordings if worth_it(one)]
    by_system = {system: found for system in (OURS, STOCK) if (found := run.of(tier, system))}
    timed = {system: diarization_errors(chosen, found) for system, found in by_system.items()}
    found = [
        row(f"DER, collar {collar_s:g} s", {system: errors[collar_s] for system, errors in timed.items()})
        for collar_s in COLLARS_S
    ]
    several = [one for one in chosen if (one.speakers or 0) > 1]
    alone = [one for one in chosen if one.speakers == 1]
    found += [
        row("several speakers, another number found", _counts(several, by_system)),
        row("one speaker, another number found", _counts(alone, by_system)),
    ]
    said = who_said(run, tier)
    with_sentences = [one for one in chosen if one.sentences]
    found += [
        row("WDER", {system: _wder(with_sentences, heard) for system, heard in said.items()}),
        row("cpWER", {system: _cpwer(with_sentences, heard) for system, heard in said.items()}),
    ]
    return [one for one in found if one]


def who_said(run: Run, tier: str) -> dict[str, dict[str, list[tuple[str, str | None]]]]:
    """Words with their speaker, by system and recording."""
    ours = {
        one.id: [(word.text, word.speaker) for word in one.words] for one in run.of(tier, OURS).values() if one.turns
    }
    stock = run.of(tier, STOCK)
    theirs = {}
    for one in run.of(tier, WORDS_FOR_STOCK).values():
        if one.id in stock:
            words = [(word.start_s, word.end_s, word.text) for word in one.words]
            whose = given_to_turns(words, stock[one.id].turns)
            theirs[one.id] = [(text, who) for (_, _, text), who in zip(words, whose, strict=True)]
    return {system: found for system, found in ((OURS, ours), (STOCK, theirs)) if found}


def diarization_errors(
    recordings: Sequence[Recording], heard: Mapping[str, Hypothesis]
) -> dict[float, dict[str, Share]]:
    """Seconds that are wrong out of those that are spoken, by collar and recording."""
    known = [one for one in recordings if one.stretches and one.id in heard]
    cases = [
        {
            "said": [(stretch.start_s, stretch.end_s, stretch.speaker) for stretch in one.stretches],
            "found": heard[one.id].turns,
            "duration_s": one.duration_s,
        }
        for one in known
    ]
    python = ROOT / ".venv-diarizer" / "bin" / "python"
    order = json.dumps({"collars_s": COLLARS_S, "cases": cases})
    done = subprocess.run([python, "-W", "ignore", PROGRAM], input=order, stdout=subprocess.PIPE, text=True, check=True)
    found = dict(zip([one.id for one in known], json.loads(done.stdout), strict=True))
    return {
        collar_s: {
            name: Share(
                parts[place]["missed"] + parts[place]["false_alarm"] + parts[place]["confused"], parts[place]["total"]
            )
            for name, parts in found.items()
        }
        for place, collar_s in enumerate(COLLARS_S)
    }


def count(heard: Hypothesis) -> int:
    return len({who for _, _, who in heard.turns})


def said_by(recording: Recording) -> SpeakerWords:
    return [
        (unit, sentence.speaker)
        for sentence in recording.sentences
        for _, unit in units_of_words(sentence.text.split(), recording.language)
    ]


def _counts(
    recordings: Sequence[Recording], by_system: Mapping[str, Mapping[str, Hypothesis]]
) -> dict[str, dict[str, Share]]:
    return {
        system: {one.id: Share(count(heard[one.id]) != one.speakers, 1) for one in recordings if one.id in heard}
        for system, heard in by_system.items()
    }


def _wder(recordings: Sequence[Recording], heard: Mapping[str, SpeakerWords]) -> dict[str, Share]:
    return {one.id: Share(*wder(said_by(one), _compared(heard[one.id], one))) for one in recordings if one.id in heard}


def _cpwer(recordings: Sequence[Recording], heard: Mapping[str, SpeakerWords]) -> dict[str, Share]:
    return {one.id: Share(*cpwer(said_by(one), _compared(heard[one.id], one))) for one in recordings if one.id in heard}


def _compared(words: SpeakerWords, recording: Recording) -> list[tuple[str, str | None]]:
    return [(unit, who) for text, who in words for unit in units(text, recording.language)]
