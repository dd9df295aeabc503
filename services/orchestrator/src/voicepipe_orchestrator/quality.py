"""How a chunk is tried again, and which try is kept.

Pure: a worker walks `ladder`, asks `complaint` after every try and stops at the first try without one; else `best`
chooses, and the complaint of the chosen try becomes a warning. The thresholds are the defaults of openai-whisper's
`transcribe()` (compression_ratio_threshold 2.4, logprob_threshold -1.0, no_speech_threshold 0.6), from Radford et al.,
"Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 4.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from voicepipe_wire.languages import join_words, language_of_text

from .model import Recognition, Word

MAX_COMPRESSION_RATIO: Final = 2.4
MIN_AVG_LOGPROB: Final = -1.0
MAX_NO_SPEECH_PROB: Final = 0.6
# Less speech than this may be a cough or a door, and no word a right answer.
MIN_SPEECH_FOR_WORDS_S: Final = 2.0

NO_WORDS: Final = "no_words"
REPETITIVE: Final = "repetitive"
TRUNCATED: Final = "truncated"
UNSURE: Final = "unsure"

# From the one that a reader forgives first: doubtful words, words missing at the end, words that loop, no words.
SEVERITY: Final[Mapping[str | None, int]] = {None: 0, UNSURE: 1, TRUNCATED: 2, REPETITIVE: 3, NO_WORDS: 4}


@dataclass(frozen=True, slots=True)
class Attempt:
    """How the model is asked. `split`: each half of the chunk by itself, cut at `ChunkPlan.split`, then `joined`.

    `suppress_blank` stays off: with it, a model must say a word even where there is none.
    """

    beam: int
    temperature: float
    timestamps: bool
    split: bool
    suppress_blank: bool = False


# A quick model is asked quickly. Beam 5 is what the Whisper paper uses; a tier that is not named here has no beams.
BEAM_OF_TIER: Final[Mapping[str, int]] = {"accurate": 5, "fast": 1}

# Timestamps first: they keep the model moving forward, which ends most loops, and cost no randomness. With a temperature
# the model draws, which a beam cannot do. The halves are new audio, so they are asked as the whole was.
LADDER: Final[tuple[Attempt, ...]] = (
    Attempt(beam=5, temperature=0.0, timestamps=False, split=False),
    Attempt(beam=5, temperature=0.0, timestamps=True, split=False),
    Attempt(beam=1, temperature=0.2, timestamps=True, split=False),
    Attempt(beam=1, temperature=0.4, timestamps=True, split=False),
    Attempt(beam=1, temperature=0.6, timestamps=True, split=False),
    Attempt(beam=5, temperature=0.0, timestamps=False, split=True),
)


def ladder(tier: str) -> tuple[Attempt, ...]:
    """`LADDER` for a quality tier: its own beam wherever the model does not draw."""
    beam = BEAM_OF_TIER.get(tier, 1)
    return tuple(replace(attempt, beam=beam) if attempt.temperature == 0 else attempt for attempt in LADDER)


def helps(attempt: Attempt, trouble: str) -> bool:
    """Whether an attempt may end this trouble. Where the surest words are none, drawn ones are made up."""
    return attempt.temperature == 0 or trouble != NO_WORDS


def complaint(recognition: Recognition, speech_s: float) -> str | None:
    """The stable code of what is wrong with a try, the worst first, or None.

    `speech_s` is how much of the chunk the speech detector called speech: where that is little, silence is a good answer.
    """
    if only_silence(recognition):
        return NO_WORDS if speech_s >= MIN_SPEECH_FOR_WORDS_S else None
    if recognition.compression_ratio > MAX_COMPRESSION_RATIO:
        return REPETITIVE
    if recognition.truncated:
        return TRUNCATED
    if recognition.avg_logprob < MIN_AVG_LOGPROB:
        return UNSURE
    return None


def best(tries: Sequence[tuple[Recognition, str | None]]) -> tuple[Recognition, str | None]:
    """The try to keep, with its complaint: the mildest complaint, then the surest words, then the earliest.

    `tries` are (recognition, its complaint) in the order of the ladder, at least one.
    """
    return min(tries, key=lambda each: (SEVERITY[each[1]], -each[0].avg_logprob))


def only_silence(recognition: Recognition) -> bool:
    """Whether nothing was said, as far as the model knows. Words of such a recognition are made up: drop them.

    Whisper's own rule: `no_speech_prob` alone is not reliable, so it counts only where the words are doubtful too.
    """
    doubtful = recognition.no_speech_prob > MAX_NO_SPEECH_PROB and recognition.avg_logprob < MIN_AVG_LOGPROB
    return doubtful or not recognition.words


def joined(first: Recognition, second: Recognition, offset_s: float, task: str) -> Recognition:
    """One recognition of a chunk from those of its halves; `offset_s` is where the second half starts in the chunk.

    Words that a half made up over silence are left out. What is measured per half becomes: the mean of `avg_logprob`
    over words, the worse `compression_ratio` and `truncated`, and silence only where both are silent.
    """
    heard = [half for half in (first, second) if not only_silence(half)]
    early = () if only_silence(first) else first.words
    late = () if only_silence(second) else tuple(_later(word, offset_s) for word in second.words)
    fuller = second if len(late) > len(early) else first
    return Recognition(
        text=join_words((half.text.strip() for half in heard), language_of_text(fuller.language, task)),
        words=early + late,
        language=fuller.language,
        avg_logprob=_mean_logprob(heard or [first, second]),
        no_speech_prob=min(first.no_speech_prob, second.no_speech_prob),
        compression_ratio=max((half.compression_ratio for half in heard), default=0.0),
        truncated=any(half.truncated for half in heard),
    )


def _later(word: Word, offset_s: float) -> Word:
    return replace(word, start_s=word.start_s + offset_s, end_s=word.end_s + offset_s)


def _mean_logprob(halves: Sequence[Recognition]) -> float:
    weights = [max(len(half.words), 1) for half in halves]
    total = math.fsum(half.avg_logprob * weight for half, weight in zip(halves, weights, strict=True))
    return total / sum(weights)
