"""Speaker measures of ours and of stock pyannote, as one `Share` for each recording."""

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
from .speaker_errors import SpeakerWords, assign_to_turns, cpwer, wder

STOCK = "stock"
WORDS_FOR_STOCK = "filtered"  # the words of faster-whisper, which are assigned to the turns of stock pyannote
COLLARS_S = (0.0, 0.25)
MIN_SINGLE_SPEAKER_S = 15.0  # shorter recordings of one person are not diarized
PROGRAM = Path(__file__).with_name("diarization_error.py")


def is_diarized(recording: Recording) -> bool:
    """Whether speakers are requested: the reference has turns, or at least the number of speakers."""
    several = (recording.speakers or 0) > 1
    alone = recording.speakers == 1 and recording.duration_s >= MIN_SINGLE_SPEAKER_S
    return bool(recording.stretches) or several or alone


def rows(recordings: Sequence[Recording], run: Run, tier: str) -> list[Row]:
    if not any(one.turns for one in run.of(tier, OURS).values()):  # speakers were not requested
        return []
    selected = [one for one in recordings if is_diarized(one)]
    by_system = {system: results for system in (OURS, STOCK) if (results := run.of(tier, system))}
    errors_by_system = {system: diarization_errors(selected, results) for system, results in by_system.items()}
    rows = [
        row(f"DER, collar {collar_s:g} s", {system: errors[collar_s] for system, errors in errors_by_system.items()})
        for collar_s in COLLARS_S
    ]
    several = [one for one in selected if (one.speakers or 0) > 1]
    alone = [one for one in selected if one.speakers == 1]
    rows += [
        row("several speakers, wrong number detected", _wrong_counts(several, by_system)),
        row("one speaker, wrong number detected", _wrong_counts(alone, by_system)),
    ]
    attributed = speaker_words(run, tier)
    with_sentences = [one for one in selected if one.sentences]
    rows += [
        row("WDER", {system: _wder(with_sentences, words) for system, words in attributed.items()}),
        row("cpWER", {system: _cpwer(with_sentences, words) for system, words in attributed.items()}),
    ]
    return [one for one in rows if one]


def speaker_words(run: Run, tier: str) -> dict[str, dict[str, list[tuple[str, str | None]]]]:
    """Words with their speakers, by system and recording."""
    ours = {
        one.id: [(word.text, word.speaker) for word in one.words] for one in run.of(tier, OURS).values() if one.turns
    }
    stock = run.of(tier, STOCK)
    theirs = {}
    for one in run.of(tier, WORDS_FOR_STOCK).values():
        if one.id in stock:
            words = [(word.start_s, word.end_s, word.text) for word in one.words]
            word_speakers = assign_to_turns(words, stock[one.id].turns)
            theirs[one.id] = [(text, speaker) for (_, _, text), speaker in zip(words, word_speakers, strict=True)]
    return {system: words for system, words in ((OURS, ours), (STOCK, theirs)) if words}


def diarization_errors(
    recordings: Sequence[Recording], hypotheses: Mapping[str, Hypothesis]
) -> dict[float, dict[str, Share]]:
    """Wrong seconds out of the seconds of speech, by collar and recording."""
    known = [one for one in recordings if one.stretches and one.id in hypotheses]
    cases = [
        {
            "reference": [(stretch.start_s, stretch.end_s, stretch.speaker) for stretch in one.stretches],
            "hypothesis": hypotheses[one.id].turns,
            "duration_s": one.duration_s,
        }
        for one in known
    ]
    python = ROOT / ".venv-diarizer" / "bin" / "python"
    request = json.dumps({"collars_s": COLLARS_S, "cases": cases})
    done = subprocess.run(
        [python, "-W", "ignore", PROGRAM], input=request, stdout=subprocess.PIPE, text=True, check=True
    )
    errors = dict(zip([one.id for one in known], json.loads(done.stdout), strict=True))
    return {
        collar_s: {
            name: Share(
                parts[index]["missed"] + parts[index]["false_alarm"] + parts[index]["confused"], parts[index]["total"]
            )
            for name, parts in errors.items()
        }
        for index, collar_s in enumerate(COLLARS_S)
    }


def count(hypothesis: Hypothesis) -> int:
    return len({speaker for _, _, speaker in hypothesis.turns})


def reference_words(recording: Recording) -> SpeakerWords:
    return [
        (unit, sentence.speaker)
        for sentence in recording.sentences
        for _, unit in units_of_words(sentence.text.split(), recording.language)
    ]


def _wrong_counts(
    recordings: Sequence[Recording], by_system: Mapping[str, Mapping[str, Hypothesis]]
) -> dict[str, dict[str, Share]]:
    return {
        system: {one.id: Share(count(results[one.id]) != one.speakers, 1) for one in recordings if one.id in results}
        for system, results in by_system.items()
    }


def _wder(recordings: Sequence[Recording], words: Mapping[str, SpeakerWords]) -> dict[str, Share]:
    return {
        one.id: Share(*wder(reference_words(one), _units(words[one.id], one))) for one in recordings if one.id in words
    }


def _cpwer(recordings: Sequence[Recording], words: Mapping[str, SpeakerWords]) -> dict[str, Share]:
    return {
        one.id: Share(*cpwer(reference_words(one), _units(words[one.id], one))) for one in recordings if one.id in words
    }


def _units(words: SpeakerWords, recording: Recording) -> list[tuple[str, str | None]]:
    return [(unit, speaker) for text, speaker in words for unit in units(text, recording.language)]
