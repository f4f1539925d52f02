"""Intervals of scores that are no single share: bounds, means of shares, steps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from emotionnet.evaluation.intervals import REACH, Resampled, mean_of, mean_of_repeats

SPREAD = np.array([-0.1, 0.1])


def test_a_mean_has_its_widened_spread_within_its_bounds() -> None:
    score = Resampled(0.05, 0.05 + SPREAD, (9,), kind="mean", bounds=(0.0, math.inf))
    reach = REACH * 0.1 * math.sqrt(10 / 8)
    assert (score.estimate().low, score.estimate().high) == pytest.approx((0, 0.05 + reach))
    agreement = Resampled(-0.9, -0.9 + SPREAD, (9,), kind="mean", bounds=(-1.0, 1.0))
    assert (agreement.estimate().low, agreement.estimate().high) == pytest.approx((-1, -0.9 + reach))
    single = replace(agreement, counts=(1,))
    assert (single.estimate().low, single.estimate().high) == (-1, 1)


def test_a_mean_of_shares_is_as_uncertain_as_one_of_its_trials() -> None:
    """Three classes of 10, 20 and 20 units tell as much as 45 units: 9 / (1/10 + 1/20 + 1/20)."""
    score = Resampled(1.0, np.ones(5), (10, 20, 20), kind="macro share")
    expected = binomtest(45, 45).proportion_ci(method="wilson")
    assert (score.estimate().low, score.estimate().high) == pytest.approx(tuple(expected))
    assert replace(score, kind="share").estimate().low == 1.0  # that it is all right would be certain


def test_steps_have_the_interval_of_a_share_of_the_way() -> None:
    steps = Resampled(0.0, np.zeros(5), (30,), bounds=(0.0, 4.0))
    expected = binomtest(0, 30).proportion_ci(method="wilson")
    assert (steps.estimate().low, steps.estimate().high) == pytest.approx((0, 4 * expected.high))


def test_a_difference_reaches_from_one_bound_to_the_other() -> None:
    first = Resampled(0.9, 0.9 + 30 * SPREAD, (9,), kind="mean", bounds=(-1.0, 1.0))
    second = Resampled(-0.5, -0.5 - 30 * SPREAD, (9,), kind="mean", bounds=(-1.0, 1.0))
    found = first.minus(second)
    assert (found.value, found.low, found.high) == pytest.approx((1.4, -2, 2))
    error = Resampled(7.0, 7 + SPREAD, (9,), kind="mean", bounds=(0.0, math.inf))
    found = error.minus(replace(error, value=2.0, replicates=2 - SPREAD))
    reach = REACH * 0.2 * math.sqrt(10 / 8)
    assert (found.value, found.low, found.high) == pytest.approx((5, 5 - reach, 5 + reach))


def test_kinds_and_bounds_stay_with_means() -> None:
    parts = [Resampled(value, value + SPREAD, (9,), kind="mean", bounds=(-1.0, 1.0)) for value in (0.1, 0.3)]
    for mean in (mean_of(parts), mean_of_repeats(parts)):
        assert mean.value == pytest.approx(0.2)
        assert (mean.kind, mean.bounds) == ("mean", (-1.0, 1.0))
    assert mean_of_repeats(parts).minus(mean_of_repeats(parts[::-1])).value == pytest.approx(0)


def test_scores_of_other_kinds_are_no_pair() -> None:
    score = Resampled(0.5, 0.5 + SPREAD, (9,))
    for other in (replace(score, kind="mean"), replace(score, bounds=(0.0, 4.0))):
        with pytest.raises(ValueError, match="paired scores must be of one kind with the same bounds"):
            score.minus(other)
