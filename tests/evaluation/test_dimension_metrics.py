"""Concordance and error of told dimensions against scipy, scikit-learn and a literal loop."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import root_mean_squared_error

from emotionnet.evaluation.dimension_metrics import concordances, root_mean_square_errors
from emotionnet.evaluation.metrics import Floats


def literal(told: list[float], true: list[float]) -> float:
    count = len(told)
    x, y = sum(told) / count, sum(true) / count
    shared = sum((a - x) * (b - y) for a, b in zip(told, true, strict=True)) / count
    first, second = sum((a - x) ** 2 for a in told) / count, sum((b - y) ** 2 for b in true) / count
    return 2 * shared / (first + second + (x - y) ** 2)


def sample(seed: int) -> tuple[Floats, Floats]:
    """Ratings of a scale of 1 to 10, with ties, far from 0."""
    rng = np.random.default_rng(seed)
    true_N = rng.integers(1, 11, size=50).astype(float)
    return 0.4 * true_N + rng.normal(size=50) + 3, true_N


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_both_are_their_definitions(seed: int) -> None:
    told_N, true_N = sample(seed)
    found = concordances(told_N, true_N, np.ones((50, 1)))[0]
    assert found == pytest.approx(literal(told_N.tolist(), true_N.tolist()), abs=1e-9)
    scale = told_N.std() / true_N.std()
    shift = (told_N.mean() - true_N.mean()) ** 2 / (told_N.std() * true_N.std())
    bias = 2 / (scale + 1 / scale + shift)  # Lin's C_b: concordance is correlation times accuracy
    assert found == pytest.approx(pearsonr(told_N, true_N).statistic * bias, abs=1e-9)
    error = root_mean_square_errors(told_N, true_N, np.ones((50, 1)))[0]
    assert error == pytest.approx(root_mean_squared_error(true_N, told_N), abs=1e-9)


@pytest.mark.parametrize("score", [concordances, root_mean_square_errors])
def test_weights_are_rows_that_come_as_often(score: Callable[..., Floats]) -> None:
    told_N, true_N = sample(3)
    weights_NS = np.random.default_rng(4).integers(0, 4, size=(50, 5))
    found_S = score(told_N, true_N, weights_NS.astype(float))
    for found, times_N in zip(found_S, weights_NS.T, strict=True):
        repeated = np.repeat(told_N, times_N), np.repeat(true_N, times_N)
        assert found == pytest.approx(score(*repeated, np.ones((times_N.sum(), 1)))[0], abs=1e-9)


def test_agreement_needs_scale_and_place_too() -> None:
    true_N, one = np.array([1.0, 2.0, 3.0]), np.ones((3, 1))
    assert concordances(true_N, true_N, one) == pytest.approx(1)
    assert concordances(4 - true_N, true_N, one) == pytest.approx(-1)
    assert concordances(true_N + 1, true_N, one) == pytest.approx((4 / 3) / (4 / 3 + 1))
    assert root_mean_square_errors(true_N + 1, true_N, one) == pytest.approx(1)
    assert root_mean_square_errors(np.array([1.0, 2.0, 6.0]), true_N, one) == pytest.approx(math.sqrt(3))


def test_what_does_not_vary_does_not_agree() -> None:
    true_N, weights_NS = sample(0)[1], np.random.default_rng(0).exponential(size=(50, 4))
    for told_N, known_N in ((np.full(50, 0.1), true_N), (true_N, np.full(50, 0.1)), (np.ones(50),) * 2):
        assert concordances(told_N, known_N, weights_NS).tolist() == [0, 0, 0, 0]


def test_what_does_not_fit_is_refused() -> None:
    told_N, true_N = sample(0)
    with pytest.raises(ValueError, match="told, true and weights must have the same rows, at least one"):
        concordances(told_N, true_N[1:], np.ones((50, 1)))
    with pytest.raises(ValueError, match="told, true and weights must have the same rows, at least one"):
        concordances(told_N[:0], true_N[:0], np.ones((0, 1)))
    with pytest.raises(ValueError, match="must be finite; leave units out whose value is not known"):
        root_mean_square_errors(told_N, np.where(true_N > 5, np.nan, true_N), np.ones((50, 1)))
