"""Token limits of a chunk, and loop detection. Pure.

Whisper sometimes repeats a phrase until its context is full. Decoding therefore pauses to check the text once it is
longer than most speech, and stops there if the text is a loop.

Rates of text tokens, measured with the tokenizer of Whisper base on 91 real recordings in 15 languages: 3.4 per second
in the median English recording; in stretches of at least 3 s without a pause 7.2 at the 99th percentile and 9.4 at
most. Hindi, whose letters take several tokens each, had 14.7.
"""

from __future__ import annotations

from collections.abc import Sequence

from speech_contract.params import NEW_TOKENS_MAX

TOKENS_PER_S = 10
# Languages in which the rate was measured; others may need several tokens per letter.
MEASURED = frozenset({"ar", "de", "en", "es", "fr", "it", "ja", "pt", "ru", "sv", "zh"})
UNMEASURED_TOKENS_PER_S = 20
TIMESTAMPS_PER_S = 2
SPARE_TOKENS = 16
# The length at which a text is checked for a loop: above the rate of most speech, so few chunks need a second call.
CHECK_TOKENS_PER_S = 4
CHECK_SPARE_TOKENS = 24
# Limits are rounded up to a multiple of this, so that chunks of about the same length share a call.
BUCKET_TOKENS = 48

LOOP_REPEATS = 3
LOOP_TOKENS = 24


def most_tokens(duration_s: float, language: str, *, timestamps: bool) -> int:
    """An upper bound of the tokens that can be spoken in `duration_s` seconds."""
    per_s = TOKENS_PER_S if language in MEASURED else UNMEASURED_TOKENS_PER_S
    return _bucket(SPARE_TOKENS + duration_s * (per_s + TIMESTAMPS_PER_S * timestamps))


def loop_check_tokens(duration_s: float) -> int:
    """The number of tokens after which a text is checked for a loop."""
    return _bucket(CHECK_SPARE_TOKENS + CHECK_TOKENS_PER_S * duration_s)


def is_loop(tokens: Sequence[int]) -> bool:
    """Whether the text ends in a phrase repeated at least three times, over at least 24 tokens."""
    return any(_repeats(tokens, period) for period in range(1, len(tokens) // LOOP_REPEATS + 1))


def _repeats(tokens: Sequence[int], period: int) -> bool:
    span = max(LOOP_REPEATS * period, LOOP_TOKENS)
    if len(tokens) < span:
        return False
    tail = tokens[-span:]
    return tail[period:] == tail[:-period]


def _bucket(tokens: float) -> int:
    return min(NEW_TOKENS_MAX, -(-int(tokens) // BUCKET_TOKENS) * BUCKET_TOKENS)
