"""Errors in the attribution of words to speakers.

WDER (Shafey et al., Interspeech 2019) is the share of the recognized words, right or not, that have the wrong speaker.
cpWER (Watanabe et al., CHiME 2020) counts words and speakers together; `meeteval` computes it. Names do not matter: the
speakers of the transcript are matched to people for the best agreement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import jiwer
from scipy.optimize import linear_sum_assignment

SpeakerWords = Sequence[tuple[str, str | None]]
"""Normalized words, each with its speaker, or None without one."""


def wder(reference: SpeakerWords, hypothesis: SpeakerWords) -> tuple[int, int]:
    """The number of words with the wrong speaker, and of all compared words.

    Missed and invented words are not compared.
    """
    pairs = _aligned(reference, hypothesis)
    people = sorted({str(person) for person, _ in pairs})
    speakers = sorted({speaker for _, speaker in pairs if speaker})
    counts = Counter(pairs)
    agreed = [[counts[person, speaker] for speaker in speakers] for person in people]
    if not speakers:
        return len(pairs), len(pairs)
    rows, columns = linear_sum_assignment(agreed, maximize=True)
    return len(pairs) - sum(agreed[row][column] for row, column in zip(rows, columns, strict=True)), len(pairs)


def cpwer(reference: SpeakerWords, hypothesis: SpeakerWords) -> tuple[int, int]:
    """The errors of the concatenated minimum-permutation word error rate, and the number of reference words."""
    from meeteval.wer import cp_word_error_rate

    result = cp_word_error_rate(
        _by_speaker(reference), _by_speaker(hypothesis), reference_sort=False, hypothesis_sort=False
    )
    return int(result.errors), int(result.length)


def assign_to_turns(
    words: Sequence[tuple[float, float, str]], turns: Sequence[tuple[float, float, str]]
) -> list[str | None]:
    """The speaker of every word (start_s, end_s, text): the one whose turns cover most of it, or None without any."""
    return [_main_speaker(start_s, end_s, turns) for start_s, end_s, _ in words]


def _main_speaker(start_s: float, end_s: float, turns: Sequence[tuple[float, float, str]]) -> str | None:
    covered: Counter[str] = Counter()
    for from_s, to_s, speaker in turns:
        covered[speaker] += max(0.0, min(end_s, to_s) - max(start_s, from_s))
    speaker, most_s = covered.most_common(1)[0] if covered else ("", 0.0)
    return speaker if most_s > 0 else None


def _by_speaker(words: SpeakerWords) -> dict[str, str]:
    return {
        str(speaker): " ".join(text for text, own in words if own == speaker) for speaker in {own for _, own in words}
    }


def _aligned(reference: SpeakerWords, hypothesis: SpeakerWords) -> list[tuple[str | None, str | None]]:
    """The speakers of each aligned word (equal or substituted) in the reference and in the hypothesis."""
    result = jiwer.process_words([" ".join(text for text, _ in reference)], [" ".join(text for text, _ in hypothesis)])
    return [
        (reference[chunk.ref_start_idx + i][1], hypothesis[chunk.hyp_start_idx + i][1])
        for chunk in result.alignments[0]
        if chunk.type in {"equal", "substitute"}
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]
