"""Errors in the words of a transcript: wrong words, wrong times, words outside speech, and wrong languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer

from .corpus import Recording, Stretch
from .normalization import units, units_of_words
from .runs import Hypothesis

# A word may lie this far outside the speech that a person marked: RTTM boundaries are not more precise.
COLLAR_S = 0.25


@dataclass(frozen=True, slots=True)
class WordCount:
    """The units (words or characters) of a reference, and the errors in them."""

    id: str
    units: int
    substituted: int
    missing: int
    invented: int

    @property
    def wrong(self) -> int:
        return self.substituted + self.missing + self.invented


def compare(recording: Recording, hypothesis: Hypothesis) -> WordCount:
    """Count the errors.

    Raises:
        ValueError: the recording has no reference, or an empty one.
    """
    reference = units(recording.text or "", recording.language, has_accents=recording.has_accents)
    if not reference:
        raise ValueError(f"{recording.id} has no reference text")
    output = units(hypothesis.text, recording.language, has_accents=recording.has_accents)
    result = jiwer.process_words([" ".join(reference)], [" ".join(output)])
    return WordCount(recording.id, len(reference), result.substitutions, result.deletions, result.insertions)


def boundary_errors_s(recording: Recording, hypothesis: Hypothesis) -> list[float]:
    """The errors of the start of each sentence's first word and of the end of its last one, if that word is right.

    Positive is late. The references have times of sentences, not of words, so other words are not compared.
    """
    reference = [
        (unit, boundary)
        for sentence in recording.sentences
        for unit, boundary in _boundaries(sentence, units_of_words(sentence.text.split(), recording.language))
    ]
    output = units_of_words([word.text for word in hypothesis.words], recording.language)
    if not reference:
        return []
    result = jiwer.process_words([" ".join(unit for unit, _ in reference)], [" ".join(unit for _, unit in output)])
    errors_s: list[float] = []
    for chunk in result.alignments[0]:
        if chunk.type != "equal":
            continue
        for offset in range(chunk.ref_end_idx - chunk.ref_start_idx):
            starts_s, ends_s = reference[chunk.ref_start_idx + offset][1]
            word = hypothesis.words[output[chunk.hyp_start_idx + offset][0]]
            errors_s += [word.start_s - starts_s] if starts_s is not None else []
            errors_s += [word.end_s - ends_s] if ends_s is not None else []
    return errors_s


def outside_speech(recording: Recording, hypothesis: Hypothesis) -> tuple[int, int]:
    """The number of words whose middle lies outside speech, and the number of all words."""
    outside = sum(not _is_within((word.start_s + word.end_s) / 2, recording.stretches) for word in hypothesis.words)
    return outside, len(hypothesis.words)


def language_is_right(recording: Recording, hypothesis: Hypothesis) -> bool:
    """Whether exactly the spoken languages were detected."""
    return set(hypothesis.languages) == set(recording.language.split("+"))


def _boundaries(
    sentence: Stretch, sentence_units: Sequence[tuple[int, str]]
) -> list[tuple[str, tuple[float | None, float | None]]]:
    last = len(sentence_units) - 1
    return [
        (unit, (sentence.start_s if number == 0 else None, sentence.end_s if number == last else None))
        for number, (_, unit) in enumerate(sentence_units)
    ]


def _is_within(at_s: float, stretches: Sequence[Stretch]) -> bool:
    return any(one.start_s - COLLAR_S <= at_s <= one.end_s + COLLAR_S for one in stretches)
