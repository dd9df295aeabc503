"""How wrong a transcript is about who said its words, and about how many people there are.

WDER (Shafey et al., Interspeech 2019): of the words that were heard, right or not, how many have the wrong speaker. cpWER
(Watanabe et al., CHiME 2020) counts words and speakers together; `meeteval` computes it. Names do not count: speakers of the
transcript are matched to people so that most agrees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import jiwer
from scipy.optimize import linear_sum_assignment

SpeakerWords = Sequence[tuple[str, str | None]]
"""Words, as they are compared, with who says them: None where nobody was found."""


def wder(said: SpeakerWords, heard: SpeakerWords) -> tuple[int, int]:
    """Words with the wrong speaker, and all that are compared. Words that were missed or invented are in the word error rate."""
    pairs = _aligned(said, heard)
    people, speakers = sorted({str(who) for who, _ in pairs}), sorted({who for _, who in pairs if who})
    counts = Counter(pairs)
    agreed = [[counts[person, speaker] for speaker in speakers] for person in people]
    if not speakers:
        return len(pairs), len(pairs)
    rows, columns = linear_sum_assignment(agreed, maximize=True)
    return len(pairs) - sum(agreed[row][column] for row, column in zip(rows, columns, strict=True)), len(pairs)


def cpwer(said: SpeakerWords, heard: SpeakerWords) -> tuple[int, int]:
    """Errors of the concatenated minimum-permutation word error rate, and words that were said."""
    from meeteval.wer import cp_word_error_rate

    found = cp_word_error_rate(_by_speaker(said), _by_speaker(heard), reference_sort=False, hypothesis_sort=False)
    return int(found.errors), int(found.length)


def given_to_turns(
    words: Sequence[tuple[float, float, str]], turns: Sequence[tuple[float, float, str]]
) -> list[str | None]:
    """The speaker of every word, given as start_s, end_s, text: whose turns cover most of it; None where nobody's do."""
    return [_covering(start_s, end_s, turns) for start_s, end_s, _ in words]


def _covering(start_s: float, end_s: float, turns: Sequence[tuple[float, float, str]]) -> str | None:
    covered: Counter[str] = Counter()
    for from_s, to_s, who in turns:
        covered[who] += max(0.0, min(end_s, to_s) - max(start_s, from_s))
    who, most_s = covered.most_common(1)[0] if covered else ("", 0.0)
    return who if most_s > 0 else None


def _by_speaker(words: SpeakerWords) -> dict[str, str]:
    return {str(one): " ".join(text for text, who in words if who == one) for one in {who for _, who in words}}


def _aligned(said: SpeakerWords, heard: SpeakerWords) -> list[tuple[str | None, str | None]]:
    """Who said it and who is said to: of every word that stands on both sides, the same word or another in its place."""
    found = jiwer.process_words([" ".join(text for text, _ in said)], [" ".join(text for text, _ in heard)])
    return [
        (said[chunk.ref_start_idx + i][1], heard[chunk.hyp_start_idx + i][1])
        for chunk in found.alignments[0]
        if chunk.type in {"equal", "substitute"}
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]
