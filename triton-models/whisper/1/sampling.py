"""Reproducible sampling: the same seed gives the same tokens.

CTranslate2 seeds its generator once per worker thread, so `set_random_seed` has no effect after the first sample, and a
draw depends on all earlier ones (seen with 4.8.5). So the engine only returns the likeliest continuation and its
logits, and this module draws each step from them with seeded noise (Gumbel-max: argmax(logits / T + noise) is a sample
of softmax(logits / T)). While the draw is the likeliest token, the next logits are already known. A different draw is a
surprise: the engine must continue from there. So the cost grows with the number of surprises, not of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

SURPRISES_MAX = (
    12  # bounds the cost of a chunk whose tokens are all about equally likely; after that, the likeliest text
)
_FIRST_TIMESTAMPS = 51  # the first timestamp is at most 1 s (openai-whisper's max_initial_timestamp)

Continue = Callable[[Sequence[int]], Sequence[np.ndarray]]
Mask = Callable[[np.ndarray, Sequence[int]], np.ndarray]


@dataclass(frozen=True, slots=True)
class Sample:
    """Tokens without the end token. `logprob` is their sum at temperature 1, with the end token if it was drawn."""

    tokens: list[int]
    logprob: float
    truncated: bool


def sample(continued: Continue, mask: Mask, *, temperature: float, seed: int, end: int, max_tokens: int) -> Sample:
    """Draw one sequence.

    `continued(prefix)` returns the logits of every step of the likeliest text that starts with `prefix`, including the
    steps of the prefix. `mask(logits, tokens)` sets the logits of tokens that may not follow `tokens` to -inf.
    """
    draw = np.random.default_rng(seed)
    tokens: list[int] = []
    steps: Sequence[np.ndarray] = continued(tokens)
    surprises, logprob = 0, 0.0
    while len(tokens) < max_tokens and len(tokens) < len(steps):
        logits = mask(steps[len(tokens)].astype(np.float64), tokens)
        likeliest = int(np.argmax(logits))
        token = int(np.argmax(logits / temperature + draw.gumbel(size=logits.shape)))
        if surprises == SURPRISES_MAX:
            token = likeliest
        logprob += float(logits[token] - np.logaddexp.reduce(logits))
        if token == end:
            return Sample(tokens, logprob, truncated=False)
        tokens.append(token)
        if token != int(np.argmax(steps[len(tokens) - 1])):
            surprises = min(surprises + 1, SURPRISES_MAX)
            steps = continued(tokens)
    return Sample(tokens, logprob, truncated=True)


def timestamp_mask(first_timestamp: int, end: int, suppressed: Sequence[int], *, timestamps: bool) -> Mask:
    """A mask with the rules of openai-whisper's `ApplyTimestampRules`, which CTranslate2 does not apply after a prefix.

    `suppressed` tokens may never appear.
    """

    def mask(logits: np.ndarray, tokens: Sequence[int]) -> np.ndarray:
        logits[list(suppressed)] = -np.inf
        if not timestamps:
            logits[first_timestamp:] = -np.inf
            return logits
        _forbid_disorder(logits, tokens, first_timestamp, end)
        total = np.logaddexp.reduce(logits)
        as_time = np.logaddexp.reduce(logits[first_timestamp:]) - total
        if as_time > np.max(logits[:first_timestamp]) - total:
            logits[:first_timestamp] = -np.inf
        return logits

    return mask


def _forbid_disorder(logits: np.ndarray, tokens: Sequence[int], first_timestamp: int, end: int) -> None:
    """Timestamps come in pairs, start and end, and never decrease."""
    is_time = [token >= first_timestamp for token in tokens]
    if not tokens:
        logits[:first_timestamp] = -np.inf
        logits[first_timestamp + _FIRST_TIMESTAMPS :] = -np.inf
        return
    if is_time[-1] and (len(tokens) < 2 or is_time[-2]):  # noqa: PLR2004 - text follows a pair or the first one
        logits[first_timestamp:] = -np.inf
    elif is_time[-1]:
        logits[:end] = -np.inf
    times = [token for token, is_one in zip(tokens, is_time, strict=True) if is_one]
    if times:
        closes = not is_time[-1]
        logits[first_timestamp : times[-1] + closes] = -np.inf
