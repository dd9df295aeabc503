"""Bootstrap intervals, and the verdicts that follow from them."""

import numpy as np
import pytest

from .bootstrap import Interval, Share, difference, rate, verdict


def drawn(rates, words=100, seed=1):
    rng = np.random.default_rng(seed)
    return [Share(int(rng.binomial(words, one)), words) for one in rates]


def test_a_rate_is_computed_over_all_words_together():
    assert rate([Share(1, 10), Share(0, 90)]).value == pytest.approx(0.01)


def test_the_interval_contains_the_true_rate_as_often_as_its_level_promises():
    covered = 0
    for seed in range(40):
        interval = rate(drawn([0.1] * 30, seed=seed))
        covered += interval.low <= 0.1 <= interval.high
    assert covered >= 34  # of 40, at 95 % nominal; a percentile interval of 30 recordings is slightly too narrow


def test_an_interval_is_reproducible():
    shares = drawn([0.1, 0.2, 0.3, 0.4])
    assert rate(shares) == rate(shares)


def test_recordings_that_are_hard_for_both_systems_do_not_hide_a_difference():
    theirs = [Share(wrong, 100) for wrong in (2, 50, 90, 10, 70, 30)]
    ours = [Share(one.wrong - 2, one.of) for one in theirs]
    alone, paired = rate(ours), difference(ours, theirs)
    assert alone.low < rate(theirs).value < alone.high  # unpaired intervals overlap
    assert paired == Interval(pytest.approx(-0.02), pytest.approx(-0.02), pytest.approx(-0.02))
    assert verdict(paired) == "better"
    assert verdict(difference(theirs, ours)) == "worse"


def test_mixed_wins_and_losses_give_an_inconclusive_verdict():
    theirs = [Share(wrong, 100) for wrong in (10, 20, 10, 20)]
    ours = [Share(wrong, 100) for wrong in (20, 10, 21, 10)]
    assert verdict(difference(ours, theirs)) == "inconclusive"
    assert verdict(difference(theirs, ours)) == "no worse"
    assert verdict(difference(ours, ours)) == "no worse"


def test_two_recordings_are_too_few_for_an_interval():
    assert rate([Share(1, 10), Share(3, 10)]) == Interval(pytest.approx(0.2))


def test_without_reference_words_there_is_no_rate():
    with pytest.raises(ValueError, match="no units"):
        rate([Share(0, 0)])
