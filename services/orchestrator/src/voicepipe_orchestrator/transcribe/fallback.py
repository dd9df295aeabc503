"""How a chunk is retried, and which try is kept. Pure.

A worker goes through `fallbacks`, checks every try with `quality_issue`, and stops at the first one without an issue.
If all have one, `best_try` chooses, and the issue of the chosen try becomes a warning. The thresholds are the defaults
of openai-whisper's `transcribe()` (compression_ratio_threshold 2.4, logprob_threshold -1.0, no_speech_threshold 0.6),
from Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 4.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from voicepipe_wire.transcript.languages import join_words, language_of_text

from voicepipe_orchestrator.domain import Attempt, Recognition, Word

MAX_COMPRESSION_RATIO: Final = 2.4
MIN_AVG_LOGPROB: Final = -1.0
MAX_NO_SPEECH_PROB: Final = 0.6
# People do repeat themselves. Repeated words are accepted if the model is this confident of them and they fit the
# audio. On recordings of one sentence played again and again, correct results had -0.03 to -0.27, and up to 0.32 of
# their tokens had no duration; a loop had 0.54 (Whisper base).
CONFIDENT_AVG_LOGPROB: Final = -0.3
MAX_SQUEEZED: Final = 0.4
SQUEEZED_WORD_S: Final = 0.021  # one frame of the encoder, or less
# Less speech than this may be a cough or a door; then a result without words is correct.
MIN_SPEECH_FOR_WORDS_S: Final = 2.0
FEW_WORDS: Final = 3
# Whisper base added "you" to single words that were cut in halves.
MIN_SPLIT_S: Final = 2.0

NO_WORDS: Final = "no_words"
REPETITIVE: Final = "repetitive"
TRUNCATED: Final = "truncated"
UNSURE: Final = "unsure"
OMITTED: Final = "omitted"

# From the mildest: no words for a part, doubtful words, words missing at the end, words that loop, no words.
SEVERITY: Final[Mapping[str | None, int]] = {None: 0, OMITTED: 1, UNSURE: 2, TRUNCATED: 3, REPETITIVE: 4, NO_WORDS: 5}


# The Whisper paper uses beam size 5. The fast tier, and any tier that is not listed, decodes greedily.
BEAM_OF_TIER: Final[Mapping[str, int]] = {"accurate": 5, "fast": 1}

# Cheapest first. Timestamps keep the model moving forward, which ends most loops. The halves are new input, so they are
# decoded as the whole chunk was. With a temperature the model samples, which excludes a beam; every try costs another
# call of the model.
FALLBACKS: Final[tuple[Attempt, ...]] = (
    Attempt(beam=5, temperature=0.0, timestamps=False, split=False),
    Attempt(beam=5, temperature=0.0, timestamps=True, split=False),
    Attempt(beam=5, temperature=0.0, timestamps=False, split=True),
    Attempt(beam=1, temperature=0.4, timestamps=True, split=False),
)


def fallbacks(tier: str) -> tuple[Attempt, ...]:
    """`FALLBACKS` for a quality tier: with its own beam size wherever the model does not sample."""
    beam = BEAM_OF_TIER.get(tier, 1)
    return tuple(replace(attempt, beam=beam) if attempt.temperature == 0 else attempt for attempt in FALLBACKS)


def is_worth_trying(attempt: Attempt, issue: str, length_s: float) -> bool:
    """Whether an attempt may resolve the issue of a chunk of that length.

    If the likeliest result has no words, sampled ones are made up; so are those for the half of a single word.
    """
    if attempt.split:
        return length_s >= MIN_SPLIT_S
    return attempt.temperature == 0 or issue not in (NO_WORDS, OMITTED)


def quality_issue(recognition: Recognition, speech_s: float) -> str | None:
    """The code of the most severe issue of a try, or None.

    `speech_s` is how much of the chunk the detector classified as speech: if that is little, a result without words is
    fine.
    """
    if is_silence(recognition):
        return NO_WORDS if speech_s >= MIN_SPEECH_FOR_WORDS_S else None
    if recognition.compression_ratio > MAX_COMPRESSION_RATIO and not _was_repeated(recognition):
        return REPETITIVE
    if recognition.truncated:
        return TRUNCATED
    if recognition.avg_logprob < MIN_AVG_LOGPROB:
        return UNSURE
    return None


def _was_repeated(recognition: Recognition) -> bool:
    """Whether it was the speaker who repeated the words.

    Then the model is confident and was not cut off, and most words have a duration.
    """
    squeezed = sum(word.end_s - word.start_s < SQUEEZED_WORD_S for word in recognition.words)
    fits = squeezed <= MAX_SQUEEZED * len(recognition.words)
    return fits and not recognition.truncated and recognition.avg_logprob >= CONFIDENT_AVG_LOGPROB


def best_try(tries: Sequence[tuple[Recognition, str | None]]) -> tuple[Recognition, str | None]:
    """The try to keep, with its issue: the one with the mildest issue, then the highest confidence, then the earliest.

    If every try omits speech, the one with the most words is kept: a try that leaves out difficult words has a higher confidence.
    `tries` are (recognition, issue) in the order of the fallbacks, at least one.
    """

    def rank(each: tuple[Recognition, str | None]) -> tuple[int, int, float]:
        recognition, issue = each
        return SEVERITY[issue], -len(recognition.words) if issue == OMITTED else 0, -recognition.avg_logprob

    return min(tries, key=rank)


def is_silence(recognition: Recognition) -> bool:
    """Whether the chunk has no speech according to the model.

    The words of such a recognition are made up and must be dropped.

    This is Whisper's own rule: `no_speech_prob` alone is unreliable, so it counts only if the words are doubtful too.
    """
    doubtful = recognition.no_speech_prob > MAX_NO_SPEECH_PROB and recognition.avg_logprob < MIN_AVG_LOGPROB
    return doubtful or not recognition.words


def join_parts(parts: Sequence[tuple[Recognition, float]], task: str) -> Recognition:
    """One recognition of a chunk from those of its parts, each with its start in the chunk in seconds.

    Parts that are silence contribute no words. `avg_logprob` is the mean over words, `compression_ratio` and
    `truncated` are the worst of the parts, and the whole is silence only if all parts are. A part in which the speaker
    repeated the words does not count for `compression_ratio`: judged by the mean of all parts, its words would look like
    a loop. The language is that of the part with the most words; words in another language carry theirs.
    """
    spoken = [(part, offset_s) for part, offset_s in parts if not is_silence(part)]
    fullest = max((part for part, _ in parts), key=lambda part: 0 if is_silence(part) else len(part.words))
    language = fullest.language
    return Recognition(
        text=join_words((part.text.strip() for part, _ in spoken), language_of_text(language, task)),
        words=tuple(_moved(word, offset_s, part, language) for part, offset_s in spoken for word in part.words),
        language=language,
        avg_logprob=_mean_logprob([part for part, _ in spoken or parts]),
        no_speech_prob=min(part.no_speech_prob for part, _ in parts),
        compression_ratio=max((_unexplained_ratio(part) for part, _ in spoken), default=0.0),
        truncated=any(part.truncated for part, _ in spoken),
        language_probability=fullest.language_probability,
        languages=fullest.languages,
    )


def _unexplained_ratio(part: Recognition) -> float:
    return 0.0 if _was_repeated(part) else part.compression_ratio


def lacks_capitals(text: str) -> bool:
    """Whether a text of several words has no capitals, as Whisper sometimes transcribes short clips."""
    return len(text.split()) >= FEW_WORDS and text == text.lower() and text != text.upper()


def same_words(first: str, second: str) -> bool:
    """Whether two texts differ only in capitals and punctuation."""
    return _letters(first) == _letters(second)


def _letters(text: str) -> list[str]:
    bare = "".join(char if char.isalnum() else " " for char in text.casefold())
    return bare.split()


def _moved(word: Word, offset_s: float, part: Recognition, language: str) -> Word:
    own = word.language or part.language
    return replace(
        word,
        start_s=word.start_s + offset_s,
        end_s=word.end_s + offset_s,
        language=own if own != language else None,
    )


def _mean_logprob(parts: Sequence[Recognition]) -> float:
    weights = [max(len(part.words), 1) for part in parts]
    total = math.fsum(part.avg_logprob * weight for part, weight in zip(parts, weights, strict=True))
    return total / sum(weights)
