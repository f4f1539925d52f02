"""Scores of single labels against scikit-learn and literal loops."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, recall_score, top_k_accuracy_score

from emotionnet.emotions import LABEL_SETS
from emotionnet.evaluation.class_metrics import (
    POSITIVE,
    WHEEL,
    Singles,
    accuracies,
    balanced_accuracies,
    is_mikels_eight,
    macro_f1s,
    polarity_accuracies,
    top_k_accuracies,
    wheel_distances,
)
from emotionnet.evaluation.metrics import Floats

NAMES = LABEL_SETS["mikels8"]
ALL: dict[str, Callable[[Floats, Singles, Floats], Floats]] = {
    "accuracy": accuracies,
    "balanced_accuracy": balanced_accuracies,
    "macro_f1": macro_f1s,
    "top3": partial(top_k_accuracies, k=3),
    "polarity_accuracy": partial(polarity_accuracies, names=NAMES),
    "wheel_distance": partial(wheel_distances, names=NAMES),
}


def sample(seed: int, *, levels: int = 3, rows: int = 40) -> tuple[Floats, Singles]:
    """Scores with many ties (of one level: all the same), and labels that lack the classes 2 and 5."""
    rng = np.random.default_rng(seed)
    single_N = rng.choice([0, 1, 3, 4, 6, 7], size=rows)
    return rng.integers(levels, size=(rows, 8)).astype(float), single_N


def steps(first: int, second: int) -> int:
    """Walk the ring from one class to the other, both ways."""
    start, end = WHEEL.index(NAMES[first]), WHEEL.index(NAMES[second])
    there = back = 0
    while WHEEL[(start + there) % 8] != WHEEL[end]:
        there += 1
    while WHEEL[(start - back) % 8] != WHEEL[end]:
        back += 1
    return min(there, back)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), levels=st.integers(1, 40))
def test_every_score_is_scikit_learns_or_a_literal_one(seed: int, levels: int) -> None:
    scores_NC, single_N = sample(seed, levels=levels)
    top_N = np.array([list(row).index(max(row)) for row in scores_NC])
    present = sorted(set(single_N.tolist()))
    expected = {
        "accuracy": accuracy_score(single_N, top_N),
        "balanced_accuracy": recall_score(single_N, top_N, labels=present, average="macro"),
        "macro_f1": f1_score(single_N, top_N, labels=present, average="macro"),
        # scikit-learn prefers the last of equal scores, hence the mirror
        "top3": top_k_accuracy_score(7 - single_N, scores_NC[:, ::-1], k=3, labels=np.arange(8)),
        "polarity_accuracy": np.mean(
            [(NAMES[t] in POSITIVE) == (NAMES[s] in POSITIVE) for t, s in zip(top_N, single_N, strict=True)]
        ),
        "wheel_distance": np.mean([steps(t, s) for t, s in zip(top_N, single_N, strict=True)]),
    }
    for name, score in ALL.items():
        found_S = score(scores_NC, single_N, np.ones((len(single_N), 2)))
        assert found_S.shape == (2,)
        assert found_S == pytest.approx(expected[name], abs=1e-9), name


@pytest.mark.parametrize("name", ALL)
def test_weights_are_rows_that_come_as_often(name: str) -> None:
    scores_NC, single_N = sample(1)
    weights_NS = np.random.default_rng(2).integers(1, 5, size=(40, 3))
    found_S = ALL[name](scores_NC, single_N, weights_NS.astype(float))
    for found, times_N in zip(found_S, weights_NS.T, strict=True):
        repeated = np.repeat(scores_NC, times_N, axis=0), np.repeat(single_N, times_N)
        assert found == pytest.approx(ALL[name](*repeated, np.ones((times_N.sum(), 1)))[0], abs=1e-9)


def test_by_hand() -> None:
    """Classes a and b have units, c none; the second unit is told to be in c."""
    scores_NC = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    single_N, ones_N = np.array([0, 0, 1]), np.ones((3, 1))
    assert accuracies(scores_NC, single_N, ones_N) == pytest.approx(2 / 3)
    assert balanced_accuracies(scores_NC, single_N, ones_N) == pytest.approx(3 / 4)
    assert macro_f1s(scores_NC, single_N, ones_N) == pytest.approx((2 / 3 + 1) / 2)
    assert top_k_accuracies(scores_NC, single_N, ones_N, k=2) == pytest.approx(2 / 3)


def test_the_wheel_closes_and_has_two_halves() -> None:
    assert is_mikels_eight(WHEEL)
    assert is_mikels_eight(NAMES)
    assert not is_mikels_eight(NAMES[:7])
    halves = [name in POSITIVE for name in WHEEL]
    assert sum(a != b for a, b in zip(halves, halves[1:] + halves[:1], strict=True)) == 2
    told_NC = np.eye(8)[[WHEEL.index("fear")] * 8]
    found = [
        wheel_distances(told_NC[:1], np.array([number]), np.ones((1, 1)), names=WHEEL)[0]
        for number in range(8)
    ]
    assert found == [0, 1, 2, 3, 4, 3, 2, 1]


def test_what_does_not_fit_is_refused() -> None:
    scores_NC, single_N = sample(0)
    ones_N = np.ones((40, 1))
    rows = "scores, labels and weights must have the same rows, at least one"
    with pytest.raises(ValueError, match=rows):
        accuracies(scores_NC, single_N[1:], ones_N)
    with pytest.raises(ValueError, match=rows):
        macro_f1s(scores_NC[:0], single_N[:0], ones_N[:0])
    with pytest.raises(ValueError, match=r"labels must be from 0 to 7; got -1 to -1"):
        balanced_accuracies(scores_NC, np.full(40, -1), ones_N)
    with pytest.raises(ValueError, match="scores must be finite; 1 are not"):
        accuracies(np.where(np.arange(320).reshape(40, 8) == 5, np.nan, scores_NC), single_N, ones_N)
    with pytest.raises(ValueError, match=r"classes must be amusement, anger, .*; got a, b"):
        wheel_distances(scores_NC, single_N, ones_N, names=("a", "b"))
    with pytest.raises(ValueError, match="classes must be amusement"):
        polarity_accuracies(scores_NC, single_N, ones_N, names=())
