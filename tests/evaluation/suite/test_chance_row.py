"""Chance of every score, held against scikit-learn on random guesses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from emotionnet.evaluation.class_metrics import WHEEL
from emotionnet.evaluation.score_list import SCORES
from emotionnet.evaluation.suite.chance_row import chance_score
from emotionnet.evaluation.told import Truth

UNITS = 60


def truth(**more: object) -> Truth:
    single = np.random.default_rng(1).integers(8, size=UNITS)
    return Truth(labels_UC=np.eye(8, dtype=np.bool_)[single], single_U=single, names=WHEEL, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "value"), [("accuracy", 1 / 8), ("balanced_accuracy", 1 / 8), ("top2", 2 / 8), ("top5", 5 / 8)]
)
def test_shares_of_single_labels_are_exact(key: str, value: float) -> None:
    assert chance_score(key, truth(), seed=0) == value


def test_what_is_drawn_is_what_guesses_reach() -> None:
    known = truth()
    single = known.single_U
    assert single is not None
    rng = np.random.default_rng(7)
    guesses = rng.integers(8, size=(400, UNITS))
    f1 = np.mean([f1_score(single, one, average="macro", zero_division=0) for one in guesses])
    assert chance_score("macro_f1", known, seed=0) == pytest.approx(f1, abs=0.01)
    assert chance_score("polarity_accuracy", known, seed=0) == pytest.approx(0.5, abs=0.01)
    assert chance_score("wheel_distance", known, seed=0) == pytest.approx(2.0, abs=0.02)  # 0 1 1 2 2 3 3 4


def test_of_one_label_it_is_that_of_the_label() -> None:
    found = chance_score("ap.awe", truth(), seed=0)
    share = truth().labels_UC[:, WHEEL.index("awe")].mean()
    assert found is not None
    assert share < found < share + 0.15
    assert chance_score("ap.joy", truth(), seed=0) is None


def test_of_distributions_it_is_all_classes_alike() -> None:
    shares = np.random.default_rng(2).dirichlet(np.ones(8), size=UNITS)
    expected = np.mean((shares * np.log(shares * 8)).sum(axis=1))
    assert chance_score("kl", truth(shares_UC=shares), seed=0) == pytest.approx(expected, abs=1e-12)


def test_what_the_truth_does_not_have_has_no_chance() -> None:
    several = Truth(labels_UC=np.eye(4, dtype=np.bool_), single_U=None, names=("a", "b", "c", "d"))
    known = {key for key in SCORES if chance_score(key, several, seed=0) is not None}
    assert known == {"macro_map", "auc", "hit_rate"}
    dimensions = Truth(
        labels_UC=np.zeros((3, 2), dtype=np.bool_),
        single_U=None,
        dimensions_UK=np.ones((3, 1)),
        dimension_names=("v",),
    )
    assert {key: chance_score(key, dimensions, seed=0) for key in ("ccc", "rmse", "ece", "macro_map")} == {
        "ccc": 0.0,
        "rmse": None,
        "ece": None,
        "macro_map": None,
    }
