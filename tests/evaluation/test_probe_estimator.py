from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import emotionnet
from emotionnet.evaluation import baselines, probing
from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.probe_estimator import LinearProbe
from emotionnet.evaluation.probing import C_GRID
from emotionnet.evaluation.units import Split, Splits
from emotionnet.records import TrainingError

SIZES = {"train": 60, "val": 40, "test": 30}


def drawn(rows: int, features: int = 24, *, classes: int = 3, seed: int = 0) -> tuple[Floats, Labels]:
    """Features of unequal spread and place, and labels that depend on them in one way for all seeds."""
    rng = np.random.default_rng([seed, 1])
    features_NF = rng.normal(size=(rows, features)) * np.linspace(0.1, 9, features) + np.arange(features)
    weights_FC = np.random.default_rng(5).normal(size=(features, classes))
    pull_NC = (features_NF - np.arange(features)) @ weights_FC / features
    return features_NF, pull_NC + rng.normal(size=pull_NC.shape) > np.quantile(pull_NC, 0.7)


def single(rows: int, *, classes: int = 3, seed: int = 0) -> tuple[Floats, npt.NDArray[np.str_]]:
    """Features, and the name of the class that each row is drawn to most."""
    features_NF, _ = drawn(rows, seed=seed)
    weights_FC = np.random.default_rng(5).normal(size=(features_NF.shape[1], classes))
    scores_NC = (features_NF - np.arange(features_NF.shape[1])) @ weights_FC
    scores_NC += np.random.default_rng([seed, 2]).normal(size=scores_NC.shape) * 9
    return features_NF, np.array(["joy", "awe", "fear", "anger"])[scores_NC.argmax(axis=1)]


def split_of(labels_NC: Labels, groups: tuple[str, ...]) -> Split:
    paths = tuple(Path(f"{number}.png") for number in range(len(labels_NC)))
    return Split(records=(), paths=paths, labels=labels_NC, groups=groups)


def groups_of(rows: int) -> tuple[str, ...]:
    return tuple(f"group {number // 3 * 7 % 5}-{number % 2}" for number in range(rows))


def sklearn_model(c: float) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, tol=1e-10, max_iter=100_000))


@pytest.mark.parametrize("probe", [LinearProbe(), LinearProbe(0.1)], ids=["auto", "fixed"])
def test_every_check_of_scikit_learn_passes(probe: LinearProbe) -> None:
    found = check_estimator(probe, on_fail=None, on_skip=None)
    names = {one["check_name"] for one in found}
    assert {"check_classifiers_train", "check_classifiers_multilabel_output_format_predict"} <= names
    missed = {one["check_name"]: str(one["exception"]) for one in found if one["status"] != "passed"}
    # Needs an environment variable set before SciPy is imported; the probe takes NumPy arrays alone.
    missed.pop("check_array_api_input", None)
    assert missed == {}


def test_the_baseline_and_the_estimator_are_one_function_with_one_result() -> None:
    features, labels = {}, {}
    for seed, (name, rows) in enumerate(SIZES.items()):
        features[name], labels[name] = drawn(rows, seed=seed)
    splits = Splits(**{name: split_of(labels[name], groups_of(SIZES[name])) for name in SIZES})
    all_NF = np.concatenate(list(features.values())).astype(np.float32)
    baseline = baselines.fit_on_validation(all_NF, splits)
    train_NF, val_NF, test_NF = splits.divide(all_NF)
    validation = (val_NF, labels["val"], groups_of(SIZES["val"]))
    probe = LinearProbe().fit(train_NF, labels["train"], validation=validation)
    assert baseline.c == probe.C_
    np.testing.assert_allclose(probe.decision_function(test_NF), baseline.test_scores, rtol=0, atol=1e-12)
    for column, labels_N in enumerate(labels["train"].T):
        scaled = sklearn_model(baseline.c).fit(train_NF.astype(np.float64), labels_N)
        expected_F = scaled[-1].coef_[0] / scaled[0].scale_
        largest = np.abs(expected_F).max()
        np.testing.assert_allclose(probe.coef_[column], expected_F, atol=2e-4 * max(1, largest))
        intercept = scaled[-1].intercept_[0] - scaled[0].mean_ @ expected_F
        assert probe.intercept_[column] == pytest.approx(intercept, abs=2e-3 * max(1, abs(intercept)))


@pytest.mark.parametrize("seed", range(3))
def test_validation_rows_choose_c_and_groups_have_a_say(seed: int) -> None:
    features_NF, names_N = single(60, seed=seed)
    val_MF, val_names_M = single(60, seed=seed + 10)
    by_row = LinearProbe().fit(features_NF, names_N, validation=(val_MF, val_names_M))
    expected = []
    for c in C_GRID:
        columns = [
            sklearn_model(c).fit(features_NF, names_N == name).decision_function(val_MF)
            for name in by_row.classes_
        ]
        truth_MC = val_names_M[:, None] == by_row.classes_
        expected.append(average_precision_score(truth_MC, np.stack(columns, axis=1), average="macro"))
    assert C_GRID[int(np.argmax(expected))] == by_row.C_
    fixed = LinearProbe(by_row.C_).fit(features_NF, names_N)
    np.testing.assert_array_equal(by_row.coef_, fixed.coef_)  # X alone, no validation row
    of_one = LinearProbe().fit(features_NF, names_N, validation=(val_MF, val_names_M, np.zeros(60)))
    assert max(C_GRID) == of_one.C_  # a single group: every C is as good as another


def test_single_labels_are_one_against_the_rest() -> None:
    features_NF, names_N = single(90, classes=4)
    others_MF, _ = single(40, seed=1)
    probe = LinearProbe(1e-2).fit(features_NF, names_N)
    assert probe.classes_.tolist() == ["anger", "awe", "fear", "joy"]
    scores_MC = np.stack(
        [
            sklearn_model(1e-2).fit(features_NF, names_N == name).decision_function(others_MF)
            for name in probe.classes_
        ],
        axis=1,
    )
    np.testing.assert_allclose(probe.decision_function(others_MF), scores_MC, atol=1e-3)
    shares_MC = expit(scores_MC) / expit(scores_MC).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probe.predict_proba(others_MF), shares_MC, atol=1e-3)
    np.testing.assert_array_equal(probe.predict(others_MF), probe.classes_[scores_MC.argmax(axis=1)])


def test_two_single_labels_are_one_regression_for_the_second() -> None:
    features_NF, names_N = single(60, classes=2)
    probe = LinearProbe(1e-2).fit(features_NF, names_N)
    assert probe.coef_.shape == (1, 24)
    assert probe.intercept_.shape == (1,)
    expected_N = sklearn_model(1e-2).fit(features_NF, names_N).decision_function(features_NF)
    np.testing.assert_allclose(probe.decision_function(features_NF), expected_N, atol=1e-3)
    np.testing.assert_allclose(probe.predict_proba(features_NF)[:, 1], expit(expected_N), atol=1e-3)
    np.testing.assert_allclose(probe.predict_proba(features_NF).sum(axis=1), 1)
    np.testing.assert_array_equal(
        probe.predict(features_NF), probe.classes_[(expected_N > 0).astype(np.intp)]
    )
    both = LinearProbe(1e-2).fit(features_NF, names_N[:, None] == probe.classes_)
    np.testing.assert_allclose(both.coef_, [-probe.coef_[0], probe.coef_[0]], atol=1e-9)


def test_an_indicator_matrix_gives_each_label_its_own_probability() -> None:
    features_NF, labels_NC = drawn(60)
    probe = LinearProbe(1e-2).fit(features_NF, labels_NC)
    scores_NC = probe.decision_function(features_NF)
    assert probe.multilabel_
    assert probe.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(probe.predict_proba(features_NF), expit(scores_NC))
    predicted_NC = probe.predict(features_NF)
    np.testing.assert_array_equal(predicted_NC, (scores_NC > 0).astype(int))
    assert len(np.unique(predicted_NC.sum(axis=1))) > 1
    as_integers = LinearProbe(1e-2).fit(features_NF, labels_NC.astype(int).tolist())
    np.testing.assert_array_equal(as_integers.coef_, probe.coef_)


def test_probabilities_far_from_every_class_still_sum_to_one() -> None:
    features_NF, names_N = single(60)
    probe = LinearProbe(1.0).fit(features_NF, names_N)
    probe.coef_, probe.intercept_ = np.zeros_like(probe.coef_), np.array([-900.0, -901.0, -2000.0])
    shares_C = probe.predict_proba(features_NF[:1])[0]
    np.testing.assert_allclose(shares_C, [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1)), 0], atol=1e-12)


def test_without_validation_all_rows_are_fitted_with_the_c_of_a_held_out_fifth() -> None:
    features_NF, names_N = single(150)
    found = [LinearProbe(random_state=seed).fit(features_NF, names_N) for seed in (0, 0, *range(1, 9))]
    np.testing.assert_array_equal(found[0].coef_, found[1].coef_)
    assert len({probe.C_ for probe in found}) > 1
    for probe in found:
        assert probe.C_ in C_GRID
        np.testing.assert_array_equal(probe.coef_, LinearProbe(probe.C_).fit(features_NF, names_N).coef_)


def test_of_equally_good_c_on_the_fifth_the_largest_is_taken() -> None:
    rng = np.random.default_rng(0)
    rare_N = np.arange(100) < 20
    features_NF = rng.normal(size=(100, 20))
    features_NF[:, 0] += 8 * rare_N
    probe = LinearProbe(random_state=0).fit(features_NF, rare_N)
    assert max(C_GRID) == probe.C_
    assert probe.score(features_NF, rare_N) == 1.0
    assert LinearProbe(min(C_GRID)).fit(features_NF, rare_N).score(features_NF, rare_N) < 0.9


@pytest.mark.parametrize(
    "labels",
    [
        ["joy", "awe", "joy", "awe"],
        ["joy"] * 40 + ["awe"],
        np.zeros((40, 2), dtype=bool),
        np.arange(60) // 3,
        np.eye(41, 3, dtype=int),
    ],
    ids=["four rows", "one row of a class", "no label at all", "three rows a class", "almost no label"],
)
def test_few_rows_of_a_class_are_no_obstacle(labels: Any) -> None:
    features_NF = np.random.default_rng(0).normal(size=(len(labels), 5))
    for seed in range(6):
        probe = LinearProbe(random_state=seed).fit(features_NF, labels)
        assert probe.C_ in C_GRID
        assert np.isfinite(probe.decision_function(features_NF)).all()
    if len(labels) < 5 or not np.any(np.asarray(labels) != 0):
        assert probe.C_ == 1.0


def test_it_works_in_scikit_learns_tools() -> None:
    features_NF, names_N = single(120)
    scores = cross_val_score(LinearProbe(random_state=0), features_NF, names_N, cv=3)
    assert scores.min() > 0.5  # chance is a third
    search = GridSearchCV(LinearProbe(), {"C": [1e-5, 1e-2]}, cv=3).fit(features_NF, names_N)
    np.testing.assert_array_equal(
        search.predict(features_NF),
        clone(search.best_estimator_).fit(features_NF, names_N).predict(features_NF),
    )


def test_errors() -> None:
    features_NF, names_N = single(30)
    for wrong in (0, -1.0, np.inf, np.nan, True, "best", None):
        with pytest.raises(ValueError, match=rf"C must be 'auto' or a number above 0; got {wrong!r}"):
            LinearProbe(wrong).fit(features_NF, names_N)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"C must be 'auto' with it; got 0\.1"):
        LinearProbe(0.1).fit(features_NF, names_N, validation=(features_NF, names_N))
    with pytest.raises(ValueError, match=r"\(X, y\) or \(X, y, groups\); got 1 values"):
        LinearProbe().fit(features_NF, names_N, validation=(features_NF,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 2 classes; got 1 class, joy"):
        LinearProbe().fit(features_NF, ["joy"] * 30)
    with pytest.raises(ValueError, match=r"must hold 0 and 1 in 2 columns"):
        LinearProbe().fit(features_NF, np.tile([1, 2], (30, 1)))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        LinearProbe().fit(features_NF, np.linspace(0, 1, 30))


def test_errors_of_validation_rows() -> None:
    features_NF, names_N = single(30)
    _, labels_NC = drawn(30)
    with pytest.raises(ValueError, match="must be classes of y; others are: grief, pride"):
        LinearProbe().fit(features_NF, names_N, validation=(features_NF[:3], ["pride", "joy", "grief"]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LinearProbe().fit(features_NF, names_N, validation=(features_NF, names_N, ["a"]))
    with pytest.raises(ValueError, match="X has 23 features, but LinearProbe is expecting 24"):
        LinearProbe().fit(features_NF, names_N, validation=(features_NF[:, 1:], names_N))
    with pytest.raises(ValueError, match="must hold 0 and 1 in 3 columns"):
        LinearProbe().fit(features_NF, labels_NC, validation=(features_NF, labels_NC[:, :2]))
    with pytest.raises(ValueError, match="at least one class must have a positive row"):
        LinearProbe().fit(features_NF, labels_NC, validation=(features_NF, np.zeros((30, 3))))


def test_a_probe_that_finds_no_minimum_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MAX_STEPS", 1)
    with pytest.raises(TrainingError, match="found no minimum in 1 steps"):
        LinearProbe(1.0).fit(*single(40))


def test_the_package_has_it_and_stays_quick_to_import() -> None:
    assert emotionnet.LinearProbe is LinearProbe
    assert "LinearProbe" in dir(emotionnet)
    code = "import sys, emotionnet; sys.exit(bool({'torch', 'sklearn', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
