"""Calibration error, reliability table and temperature against literal versions and known truths."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit, softmax

from emotionnet.evaluation.calibration import (
    BINS,
    Activation,
    calibration_errors,
    fit_temperature,
    reliability,
)
from emotionnet.evaluation.metrics import Floats, Labels


def literal_error(confidences: list[float], hits: list[bool]) -> float:
    total = 0.0
    edges = np.linspace(0, 1, 16).tolist()
    for number, (low, high) in enumerate(pairwise(edges)):
        rows = [
            row for row, told in enumerate(confidences) if low < told <= high or (number == 0 and told == 0)
        ]
        if rows:
            accuracy = sum(hits[row] for row in rows) / len(rows)
            confidence = sum(confidences[row] for row in rows) / len(rows)
            total += len(rows) / len(confidences) * abs(accuracy - confidence)
    return total


def sample(seed: int) -> tuple[Floats, Labels]:
    """Some confidences are edges of bins, some equal."""
    rng = np.random.default_rng(seed)
    told_N = rng.random(200)
    told_N[:40] = rng.choice(np.linspace(0, 1, BINS + 1), size=40)
    told_N[40:60] = 0.35
    return told_N, rng.random(200) < told_N**2


@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_a_literal_loop(seed: int) -> None:
    told_N, hits_N = sample(seed)
    found = calibration_errors(told_N, hits_N, np.ones((200, 1)))[0]
    assert found == pytest.approx(literal_error(told_N.tolist(), hits_N.tolist()), abs=1e-9)
    table = reliability(told_N, hits_N)
    assert len(table) == 15
    assert sum(row.count for row in table) == 200
    gaps = [
        row.count * abs(row.accuracy - row.confidence)
        for row in table
        if row.accuracy is not None and row.confidence is not None
    ]
    assert found == pytest.approx(sum(gaps) / 200, abs=1e-9)


def test_weights_are_rows_that_come_as_often() -> None:
    told_N, hits_N = sample(7)
    weights_NS = np.random.default_rng(8).integers(0, 4, size=(200, 3))
    for found, times_N in zip(
        calibration_errors(told_N, hits_N, weights_NS.astype(float)), weights_NS.T, strict=True
    ):
        repeated = np.repeat(told_N, times_N).tolist(), np.repeat(hits_N, times_N).tolist()
        assert found == pytest.approx(literal_error(*repeated), abs=1e-9)


def test_the_upper_edge_belongs_to_a_bin_and_empty_bins_say_so() -> None:
    table = reliability(np.array([0.2, 0.2, 1.0, 0.0]), np.array([True, False, True, False]))
    assert [row.count for row in table] == [1, 0, 2, *[0] * 11, 1]
    assert (table[2].low, table[2].high) == pytest.approx((2 / 15, 0.2))
    assert (table[2].confidence, table[2].accuracy) == pytest.approx((0.2, 0.5))
    assert (table[1].confidence, table[1].accuracy) == (None, None)
    assert calibration_errors(
        np.array([0.2, 1.0]), np.array([False, True]), np.ones((2, 1))
    ) == pytest.approx(0.1)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
def test_the_temperature_is_the_scale_that_the_logits_were_given(
    activation: Activation, scale: float
) -> None:
    rng = np.random.default_rng(1)
    logits_NC = 2 * rng.normal(size=(20_000, 5))
    if activation == "softmax":
        drawn_N = (softmax(logits_NC, axis=1).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
        targets_NC = np.eye(5)[drawn_N]
    else:
        targets_NC = (rng.random(logits_NC.shape) < expit(logits_NC)).astype(float)
    found = fit_temperature(logits_NC * scale, targets_NC, activation)
    assert found == pytest.approx(scale, rel=0.03)
    if activation == "softmax":
        told_NC = softmax(logits_NC * scale / found, axis=1)
        error = calibration_errors(
            told_NC.max(axis=1), told_NC.argmax(axis=1) == drawn_N, np.ones((20_000, 1))
        )
        assert error[0] < 0.015


def test_no_other_temperature_is_better() -> None:
    rng = np.random.default_rng(2)
    shares_NC = rng.dirichlet(np.ones(4), size=60)
    logits_NC = 3 * (rng.normal(size=(60, 4)) + shares_NC)

    def loss(temperature: float) -> float:
        return -float((shares_NC * np.log(softmax(logits_NC / temperature, axis=1))).mean())

    best = fit_temperature(logits_NC, shares_NC, "softmax")
    assert all(loss(best) <= loss(best * factor) for factor in (0.5, 0.99, 1.01, 2))


def test_rows_without_a_target_do_not_count() -> None:
    rng = np.random.default_rng(3)
    logits_NC, targets_NC = rng.normal(size=(50, 3)), np.eye(3)[rng.integers(3, size=50)]
    more = np.vstack([logits_NC, 9 * logits_NC]), np.vstack([targets_NC, np.zeros((50, 3))])
    assert fit_temperature(*more, "softmax") == fit_temperature(logits_NC, targets_NC, "softmax")


def test_what_is_always_right_has_the_coldest_temperature() -> None:
    assert fit_temperature(np.eye(3), np.eye(3), "softmax") == pytest.approx(0.01, rel=1e-9)
    assert fit_temperature(np.eye(3), 1 - np.eye(3), "softmax") == pytest.approx(100, rel=1e-9)


def test_what_does_not_fit_is_refused() -> None:
    told_N, hits_N = sample(0)
    with pytest.raises(ValueError, match=r"confidences and hits must have one shape \(N,\), N above 0"):
        reliability(told_N, hits_N[1:])
    with pytest.raises(ValueError, match=r"confidences must be from 0 to 1; got -1 to"):
        calibration_errors(np.where(told_N > 0.5, -1, told_N), hits_N, np.ones((200, 1)))
    with pytest.raises(ValueError, match=r"must have one \(N, C\) shape; got \(2, 2\) and \(3, 3\)"):
        fit_temperature(np.eye(2), np.eye(3), "softmax")
    with pytest.raises(ValueError, match="logits and targets must be finite"):
        fit_temperature(np.full((2, 2), math.nan), np.eye(2), "sigmoid")
    with pytest.raises(ValueError, match="a temperature needs at least one unit with a target"):
        fit_temperature(np.eye(2), np.zeros((2, 2)), "softmax")
