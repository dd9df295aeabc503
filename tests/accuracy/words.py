"""How wrong the words of a transcript are: which, when, and whether anybody spoke at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer

from .corpus import Recording, Stretch
from .normalization import units, units_of_words
from .runs import Hypothesis

# A word may begin that much before what a person marked as speech, or end after it: the borders of RTTMs are that sure.
COLLAR_S = 0.25


@dataclass(frozen=True, slots=True)
class WordCount:
    """Units (words, or characters) of one recording, and how many of them are wrong."""

    id: str
    said: int
    substituted: int
    missing: int
    invented: int

    @property
    def wrong(self) -> int:
        return self.substituted + self.missing + self.invented


def compare(recording: Recording, heard: Hypothesis) -> WordCount:
    """Raises ValueError where the recording has no reference, or an empty one: no share of nothing can be wrong."""
    said = units(recording.text or "", recording.language, has_accents=recording.has_accents)
    if not said:
        raise ValueError(f"{recording.id} has no reference text")
    got = units(heard.text, recording.language, has_accents=recording.has_accents)
    found = jiwer.process_words([" ".join(said)], [" ".join(got)])
    return WordCount(recording.id, len(said), found.substitutions, found.deletions, found.insertions)


def border_errors_s(recording: Recording, heard: Hypothesis) -> list[float]:
    """How far the first word of a sentence is from its start, and the last one from its end; only of words that are right.

    Positive is late. The references give the times of sentences; of the words between nobody knows them.
    """
    said = [
        (unit, border)
        for sentence in recording.sentences
        for unit, border in _borders(sentence, units_of_words(sentence.text.split(), recording.language))
    ]
    got = units_of_words([word.text for word in heard.words], recording.language)
    if not said:
        return []
    found = jiwer.process_words([" ".join(unit for unit, _ in said)], [" ".join(unit for _, unit in got)])
    errors_s: list[float] = []
    for chunk in found.alignments[0]:
        if chunk.type != "equal":
            continue
        for offset in range(chunk.ref_end_idx - chunk.ref_start_idx):
            starts_s, ends_s = said[chunk.ref_start_idx + offset][1]
            word = heard.words[got[chunk.hyp_start_idx + offset][0]]
            errors_s += [word.start_s - starts_s] if starts_s is not None else []
            errors_s += [word.end_s - ends_s] if ends_s is not None else []
    return errors_s


def outside_speech(recording: Recording, heard: Hypothesis) -> tuple[int, int]:
    """Words whose middle lies where nobody speaks, and all words."""
    outside = sum(not _is_within((word.start_s + word.end_s) / 2, recording.stretches) for word in heard.words)
    return outside, len(heard.words)


def language_is_right(recording: Recording, heard: Hypothesis) -> bool:
    """Every language that is spoken was found, and no other."""
    return set(heard.languages) == set(recording.language.split("+"))


def _borders(
    sentence: Stretch, found: Sequence[tuple[int, str]]
) -> list[tuple[str, tuple[float | None, float | None]]]:
    last = len(found) - 1
    return [
        (unit, (sentence.start_s if number == 0 else None, sentence.end_s if number == last else None))
        for number, (_, unit) in enumerate(found)
    ]


def _is_within(at_s: float, stretches: Sequence[Stretch]) -> bool:
    return any(one.start_s - COLLAR_S <= at_s <= one.end_s + COLLAR_S for one in stretches)
