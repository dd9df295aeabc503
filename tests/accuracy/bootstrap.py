"""Confidence intervals by the bootstrap: recordings are resampled with replacement.

The method is from Efron; Bisani and Ney (2004) apply it to word error rates.

A rate is errors over units, both summed over recordings. Two systems are compared on the same draws, so a recording
that is hard for both does not hide a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Rates = npt.NDArray[np.float64]

DRAWS = 10_000
SEED = 9
PERCENT = (2.5, 97.5)
MIN_RECORDINGS = 3  # with fewer, nearly every draw is the same

Verdict = Literal["better", "no worse", "inconclusive", "worse"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the bounds of its 95 % interval. The bounds are None if there are too few recordings."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """The errors of one system in one recording, and the number of units they are counted in."""

    wrong: float
    of: float


def rate(shares: Sequence[Share]) -> Interval:
    """The rate over all recordings; `shares` has one entry for each.

    Raises:
        ValueError: there are no units.
    """
    return _interval([shares], lambda rates: rates[0])


def difference(ours: Sequence[Share], theirs: Sequence[Share]) -> Interval:
    """Our rate minus theirs, over the same recordings in the same order: below zero is better."""
    return _interval([ours, theirs], lambda rates: rates[0] - rates[1])


def verdict(difference: Interval) -> Verdict:
    """`better` or `worse` only if the whole interval is on that side of zero."""
    if difference.high is not None and difference.high < 0:
        return "better"
    if difference.value <= 0:
        return "no worse"
    return "worse" if difference.low is not None and difference.low > 0 else "inconclusive"


def _interval(systems: Sequence[Sequence[Share]], combine: Callable[[Rates], Rates]) -> Interval:
    wrong = np.array([[share.wrong for share in shares] for shares in systems], float)
    of = np.array([[share.of for share in shares] for shares in systems], float)
    totals = of.sum(axis=1)
    if not totals.all():
        raise ValueError("a system has no units, so it has no error rate")
    value = float(combine(wrong.sum(axis=1) / totals))
    count = wrong.shape[1]
    if count < MIN_RECORDINGS:
        return Interval(value)
    drawn = np.random.default_rng(SEED).integers(count, size=(DRAWS, count))
    drawn_of = of[:, drawn].sum(axis=2)
    possible = (drawn_of > 0).all(axis=0)
    rates = wrong[:, drawn].sum(axis=2)[:, possible] / drawn_of[:, possible]
    low, high = np.percentile(combine(rates), PERCENT)
    return Interval(value, float(low), float(high))
