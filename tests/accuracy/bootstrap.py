"""How sure a rate is: recordings are drawn again and again, with replacement (Efron; for word error rates Bisani and Ney, 2004).

A rate is errors over units, both summed over recordings. Of two systems the same recordings are drawn together, so that what makes
one recording hard for both does not hide a difference.
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
FEWEST = 3  # recordings: of fewer, what is drawn is nearly always the same

Verdict = Literal["better", "no worse", "not sure", "worse"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the bounds of its 95 % interval, which are None where too few recordings speak for it."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What one system had wrong of one recording, out of so much."""

    wrong: float
    of: float


def rate(shares: Sequence[Share]) -> Interval:
    """One share a recording. Raises ValueError where there is nothing to be wrong about."""
    return _interval([shares], lambda rates: rates[0])


def difference(ours: Sequence[Share], theirs: Sequence[Share]) -> Interval:
    """Our rate less theirs, of the same recordings in the same order: below zero is better."""
    return _interval([ours, theirs], lambda rates: rates[0] - rates[1])


def verdict(found: Interval) -> Verdict:
    """What a difference says: `better` and `worse` only where the whole interval is on that side of zero."""
    if found.high is not None and found.high < 0:
        return "better"
    if found.value <= 0:
        return "no worse"
    return "worse" if found.low is not None and found.low > 0 else "not sure"


def _interval(systems: Sequence[Sequence[Share]], combine: Callable[[Rates], Rates]) -> Interval:
    wrong = np.array([[share.wrong for share in shares] for shares in systems], float)
    of = np.array([[share.of for share in shares] for shares in systems], float)
    totals = of.sum(axis=1)
    if not totals.all():
        raise ValueError("nothing can be wrong of nothing")
    value = float(combine(wrong.sum(axis=1) / totals))
    count = wrong.shape[1]
    if count < FEWEST:
        return Interval(value)
    drawn = np.random.default_rng(SEED).integers(count, size=(DRAWS, count))
    drawn_of = of[:, drawn].sum(axis=2)
    possible = (drawn_of > 0).all(axis=0)
    rates = wrong[:, drawn].sum(axis=2)[:, possible] / drawn_of[:, possible]
    low, high = np.percentile(combine(rates), PERCENT)
    return Interval(value, float(low), float(high))
