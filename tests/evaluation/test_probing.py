from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emotionnet.evaluation import probing
from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.probing import ProbeFeatures, choose_c
from emotionnet.records import TrainingError


def drawn(rows: int, features: int, *, classes: int = 3, seed: int = 0) -> tuple[Floats, Labels]:
    """Features of unequal spread and place, and labels that depend on them."""
    rng = np.random.default_rng(seed)
    features_NF = rng.normal(size=(rows, features)) * rng.uniform(0.1, 9, features) + rng.normal(
        size=features
    )
    pull_NC = features_NF @ rng.normal(size=(features, classes)) / features
    return features_NF, pull_NC + rng.normal(size=pull_NC.shape) > np.quantile(pull_NC, 0.7)


def sklearn_decision(
    train_NF: npt.NDArray[Any], positives_N: npt.NDArray[np.bool_], other_MF: npt.NDArray[Any], c: float
) -> Floats:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=c, tol=1e-10, max_iter=100_000))
    scores_M: Floats = model.fit(train_NF, positives_N).decision_function(other_MF)
    return scores_M


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize(("rows", "features"), [(40, 90), (90, 12)])
def test_equal_to_scikit_learn_when_rows_are_few_and_when_many(rows: int, features: int, c: float) -> None:
    features_NF, labels_NC = drawn(rows, features)
    other_MF = drawn(25, features, seed=1)[0]
    scores_MC = ProbeFeatures(features_NF).fit(labels_NC, c=c).decision(other_MF)
    for column, positives_N in zip(scores_MC.T, labels_NC.T, strict=True):
        expected_M = sklearn_decision(features_NF, positives_N, other_MF, c)
        np.testing.assert_allclose(column, expected_M, atol=2e-4 * max(1, np.abs(expected_M).max()))


def test_classes_do_not_disturb_each_other() -> None:
    features_NF, labels_NC = drawn(40, 60)
    train = ProbeFeatures(features_NF)
    together = train.fit(labels_NC, c=0.1).decision(features_NF)
    alone = train.fit(labels_NC[:, 1:2], c=0.1).decision(features_NF)
    np.testing.assert_allclose(together[:, 1:2], alone, atol=1e-3)


def test_a_class_that_none_or_all_have_gets_one_score() -> None:
    features_NF, labels_NC = drawn(20, 5)
    labels_NC[:, 0], labels_NC[:, 2] = False, True
    scores_NC = ProbeFeatures(features_NF).fit(labels_NC, c=1.0).decision(features_NF)
    np.testing.assert_allclose(scores_NC[:, 0], np.log(0.5 / 20.5))
    np.testing.assert_allclose(scores_NC[:, 2], np.log(20.5 / 0.5))
    assert np.ptp(scores_NC[:, 1]) > 0.1


def test_features_that_do_not_vary_say_nothing() -> None:
    features_NF, labels_NC = drawn(30, 4)
    padded_NF = np.column_stack([features_NF, np.full(30, 7.0)])
    wide = ProbeFeatures(padded_NF).fit(labels_NC, c=1.0)
    plain = ProbeFeatures(features_NF).fit(labels_NC, c=1.0)
    np.testing.assert_allclose(wide.decision(padded_NF), plain.decision(features_NF), atol=1e-6)
    constant = ProbeFeatures(np.ones((30, 2))).fit(labels_NC, c=1.0)
    assert np.ptp(constant.decision(np.ones((4, 2))), axis=0).tolist() == [0.0, 0.0, 0.0]


def test_same_input_same_numbers() -> None:
    features_NF, labels_NC = drawn(40, 60)
    first, second = (ProbeFeatures(features_NF).fit(labels_NC, c=0.1).weights for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_c_is_chosen_by_macro_map_over_validation_groups() -> None:
    features_NF, labels_NC = drawn(60, 30)
    val_MF, val_labels_MC = drawn(40, 30, seed=1)
    groups, grid = [str(number // 2) for number in range(40)], (10.0, 1.0, 1e-1, 1e-3)
    c, probe = choose_c(ProbeFeatures(features_NF), labels_NC, val_MF, val_labels_MC, groups, grid=grid)
    labels_GC = val_labels_MC.reshape(20, 2, 3).any(axis=1)
    expected = []
    for candidate in grid:
        columns = [sklearn_decision(features_NF, labels, val_MF, candidate) for labels in labels_NC.T]
        scores_GC = np.stack(columns, axis=1).reshape(20, 2, 3).mean(axis=1)
        expected.append(average_precision_score(labels_GC, scores_GC, average="macro"))
    assert len(set(expected)) == len(grid)
    assert c == grid[int(np.argmax(expected))]
    np.testing.assert_array_equal(probe.weights, ProbeFeatures(features_NF).fit(labels_NC, c=c).weights)


def test_of_equal_scores_the_largest_c_is_taken() -> None:
    labels_NC = np.array([[True, False], [False, True]] * 5)
    features_NF = np.where(labels_NC, 1.0, -1.0)
    c, _ = choose_c(ProbeFeatures(features_NF), labels_NC, features_NF, labels_NC, list("abcdefghij"))
    assert c == max(probing.C_GRID)


def test_errors() -> None:
    features_NF, labels_NC = drawn(10, 3)
    with pytest.raises(ValueError, match=r"labels must be of shape \(10, C\); got \(9, 3\)"):
        ProbeFeatures(features_NF).fit(labels_NC[:9], c=1.0)
    with pytest.raises(ValueError, match=r"c must be above 0; got 0"):
        ProbeFeatures(features_NF).fit(labels_NC, c=0)
    with pytest.raises(ValueError, match=r"of shape \(N, F\) without a 0; got \(0, 3\)"):
        ProbeFeatures(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="features must be finite"):
        ProbeFeatures(np.full((3, 3), np.nan))


def test_a_probe_that_finds_no_minimum_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MAX_STEPS", 1)
    features_NF, labels_NC = drawn(40, 12)
    with pytest.raises(TrainingError, match=r"c = 1\.0 found no minimum in 1 steps"):
        ProbeFeatures(features_NF).fit(labels_NC, c=1.0)
