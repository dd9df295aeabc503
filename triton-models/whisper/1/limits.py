"""How many tokens a chunk may get, and when a text has become a loop. Pure.

Whisper sometimes repeats a phrase until its context is full. Decoding therefore looks at the text once it is longer than speech
usually is, and stops there if the text only repeats itself.

Rates of text tokens, measured with the tokenizer of Whisper base on 91 real recordings in 15 languages: 3.4 a second in the
median of English recordings; in stretches of at least 3 s without a pause 7.2 at the 99th percentile and 9.4 at most. Hindi, whose
letters are several tokens each, had 14.7.
"""

from __future__ import annotations

from collections.abc import Sequence

from speech_contract.params import NEW_TOKENS_MAX

TOKENS_PER_S = 10
# Languages in which the rate was measured; others may need several tokens for a letter.
MEASURED = frozenset({"ar", "de", "en", "es", "fr", "it", "ja", "pt", "ru", "sv", "zh"})
UNMEASURED_TOKENS_PER_S = 20
TIMESTAMPS_PER_S = 2
SPARE_TOKENS = 16
# Where the text is looked at for the first time: above the rate of most speech, so few chunks are decoded in two calls.
LOOK_TOKENS_PER_S = 4
LOOK_SPARE_TOKENS = 24
# Limits are rounded up to this, so that chunks of about the same length share a call.
BUCKET_TOKENS = 48

LOOP_REPEATS = 3
LOOP_TOKENS = 24


def most_tokens(duration_s: float, language: str, *, timestamps: bool) -> int:
    """More text than this cannot have been spoken in `duration_s` seconds."""
    per_s = TOKENS_PER_S if language in MEASURED else UNMEASURED_TOKENS_PER_S
    return _bucket(SPARE_TOKENS + duration_s * (per_s + TIMESTAMPS_PER_S * timestamps))


def look_tokens(duration_s: float) -> int:
    """After how many tokens a text is looked at."""
    return _bucket(LOOK_SPARE_TOKENS + LOOK_TOKENS_PER_S * duration_s)


def is_loop(tokens: Sequence[int]) -> bool:
    """Whether the text ends in a phrase that is repeated at least three times, over at least 24 tokens."""
    return any(_repeats(tokens, period) for period in range(1, len(tokens) // LOOP_REPEATS + 1))


def _repeats(tokens: Sequence[int], period: int) -> bool:
    span = max(LOOP_REPEATS * period, LOOP_TOKENS)
    if len(tokens) < span:
        return False
    tail = tokens[-span:]
    return tail[period:] == tail[:-period]


def _bucket(tokens: float) -> int:
    return min(NEW_TOKENS_MAX, -(-int(tokens) // BUCKET_TOKENS) * BUCKET_TOKENS)
