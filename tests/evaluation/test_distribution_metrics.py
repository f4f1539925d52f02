"""Distances of distributions against scipy and literal loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial import distance
from scipy.stats import entropy

from emotionnet.evaluation.distribution_metrics import (
    DISTRIBUTION_METRICS,
    FLOOR,
    distributions,
    kl_divergences,
    largest,
)
from emotionnet.evaluation.metrics import Floats


def literal_clark(told_C: Floats, true_C: Floats) -> float:
    total = 0.0
    for p, d in zip(told_C, true_C, strict=True):
        if p + d > 0:
            total += (d - p) ** 2 / (d + p) ** 2
    return math.sqrt(total)


LITERAL = {
    "kl": lambda told_C, true_C: entropy(true_C, told_C),
    "chebyshev": distance.chebyshev,
    "clark": literal_clark,
    "canberra": distance.canberra,
    "cosine": lambda told_C, true_C: 1 - distance.cosine(told_C, true_C),
    "intersection": lambda told_C, true_C: sum(min(p, d) for p, d in zip(told_C, true_C, strict=True)),
}


def sample(seed: int) -> tuple[Floats, Floats]:
    """Told rows without zeros but in classes that have none, true rows of votes, with many zeros."""
    rng = np.random.default_rng(seed)
    votes_NC = rng.integers(0, 4, size=(30, 8)) * (rng.random((30, 8)) < 0.4)
    votes_NC[:, 0] += 1
    told_NC = rng.dirichlet(np.full(8, 0.7), size=30) * (1 - 1e-3) + 1e-3 / 8
    told_NC[:5] = 1 / 8
    told_NC[5:10] = np.where(votes_NC[5:10] > 0, told_NC[5:10], 0)
    return distributions(told_NC), distributions(votes_NC)


@pytest.mark.parametrize("name", DISTRIBUTION_METRICS)
@pytest.mark.parametrize("seed", range(3))
def test_every_measure_is_scipys_or_a_literal_one(name: str, seed: int) -> None:
    told_NC, true_NC = sample(seed)
    expected = [LITERAL[name](told_C, true_C) for told_C, true_C in zip(told_NC, true_NC, strict=True)]
    assert DISTRIBUTION_METRICS[name](told_NC, true_NC) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", DISTRIBUTION_METRICS)
def test_ends(name: str) -> None:
    """Equal rows are at the near end, rows that share no class at the far one."""
    rows_NC = np.eye(5)
    close = 1.0 if name in ("cosine", "intersection") else 0.0
    assert DISTRIBUTION_METRICS[name](rows_NC, rows_NC) == pytest.approx(np.full(5, close), abs=1e-9)
    half_NC = np.array([[0.5, 0.5, 0, 0]])
    far = DISTRIBUTION_METRICS[name](half_NC[:, ::-1], half_NC)[0]
    highest = largest(name, 4)
    expected = {"cosine": 0.0, "intersection": 0.0, "chebyshev": 0.5, "kl": highest - math.log(2)}
    assert far == pytest.approx(expected.get(name, highest))


def test_a_told_zero_does_not_make_the_divergence_infinite() -> None:
    found = kl_divergences(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    assert found == pytest.approx([-math.log(FLOOR)])
    assert largest("kl", 2) == found[0]


def test_rows_are_made_to_sum_to_one() -> None:
    found_NC = distributions(np.array([[0.5, 1.0, 0.5], [0, 0, 0], [0, 7, 0]]))
    assert found_NC.tolist() == [[0.25, 0.5, 0.25], [1 / 3, 1 / 3, 1 / 3], [0, 1, 0]]


def test_what_is_no_distribution_is_refused() -> None:
    for values in ([[0.5, -0.5]], [[np.nan, 1.0]], [[np.inf, 1.0]]):
        with pytest.raises(ValueError, match="distributions must be finite and at least 0"):
            distributions(np.array(values))
    with pytest.raises(ValueError, match=r"must have shape \(N, C\) without a 0; got \(0, 3\)"):
        distributions(np.zeros((0, 3)))
