"""Every score at once: values, what is left out, groups, pairs, and how often intervals hold the truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from emotionnet.evaluation import metrics
from emotionnet.evaluation.class_metrics import WHEEL
from emotionnet.evaluation.dimension_metrics import concordances
from emotionnet.evaluation.distribution_metrics import chebyshev_distances
from emotionnet.evaluation.intervals import class_scores, resample_hit_rate
from emotionnet.evaluation.metrics import Floats
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.scores import SCORES, Told, Truth, compare, resample, score_of, sizes
from emotionnet.evaluation.single_labels import resample_accuracy

UNITS = 60


def units(seed: int = 0, *, count: int = UNITS, signal: float = 1.5) -> tuple[Told, Truth]:
    """Pictures of seven of Mikels' eight with all that can be told and known of them; most have a label."""
    rng = np.random.default_rng([seed, 1])
    single_U = rng.choice(8, size=count, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.1, 0.05, 0])
    scores_UC = rng.normal(size=(count, 8))
    scores_UC[np.arange(count), single_U] += signal
    odds_UC = np.exp(scores_UC)
    dimensions_UK = rng.normal(size=(count, 2))
    told_UK = 0.6 * dimensions_UK + 0.5 * rng.normal(size=(count, 2)) + 0.2
    dimensions_UK[::7, 1] = np.nan
    labels_UC = np.eye(8, dtype=np.bool_)[single_U]
    shares_UC = 0.5 * labels_UC + rng.dirichlet(np.full(8, 0.5), size=count) / 2
    shares_UC[::5] = 0
    truth = Truth(
        labels_UC,
        np.where(rng.random(count) < 0.9, single_U, -1),
        shares_UC,
        dimensions_UK,
        WHEEL,
        ("valence", "arousal"),
    )
    return Told(scores_UC, odds_UC / odds_UC.sum(axis=1, keepdims=True), told_UK), truth


def at(rows_N: npt.NDArray[np.intp], told: Told, truth: Truth) -> tuple[Told, Truth]:
    """Some of the units, in the order and as often as asked for."""

    def some(whole: Told | Truth) -> dict[str, Any]:
        return {key: one[rows_N] for key, one in vars(whole).items() if isinstance(one, np.ndarray)}

    return replace(told, **some(told)), replace(truth, **some(truth))


def test_every_score_of_the_list_is_given_and_no_other() -> None:
    told, truth = units()
    found = resample(told, truth, draw_weights(UNITS, seed=0, resamples=20))
    assert list(dict.fromkeys(score_of(key).name for key in found)) == list(SCORES)
    assert [key for key in found if "." in key] == [
        *(f"ap.{name}" for name in WHEEL[:7]),
        *(f"{name}.{dimension}" for name in ("ccc", "rmse") for dimension in ("valence", "arousal")),
    ]
    for name, score in SCORES.items():
        assert score.name == name
        assert score.definition.endswith(".")
        assert score.title
        assert score.needs
    for key, one in found.items():
        estimate = one.estimate()
        assert one.replicates.shape == (20,)
        assert one.bounds[0] <= estimate.low <= estimate.value <= estimate.high <= one.bounds[1], key


def test_what_was_there_before_is_the_same_to_the_last_bit() -> None:
    told, truth = units()
    assert told.scores_UC is not None
    assert truth.single_U is not None
    weights_US = draw_weights(UNITS, seed=3)
    found = resample(told, truth, weights_US)
    classes = class_scores(told.scores_UC, truth.labels_UC, weights_US)
    single_UC = truth.labels_UC & (truth.single_U >= 0)[:, None]
    names = [str(unit) for unit in range(UNITS)]
    before = {
        **classes.means(),
        "hit_rate": resample_hit_rate(told.scores_UC, truth.labels_UC, weights_US),
        "accuracy": resample_accuracy(told.scores_UC, single_UC, names, weights_US),
        **{f"ap.{name}": one for name, one in zip(WHEEL, classes.precisions, strict=True) if one is not None},
    }
    for name, one in before.items():
        assert found[name].value == one.value
        assert found[name].counts == one.counts
        assert found[name].estimate() == one.estimate()
        np.testing.assert_array_equal(found[name].replicates, one.replicates)


def test_units_that_tell_nothing_of_a_score_are_left_out() -> None:
    told, truth = units()
    assert told.dimensions_UK is not None
    assert truth.dimensions_UK is not None
    found = resample(told, truth, draw_weights(UNITS, seed=0, resamples=5))
    known_U = ~np.isnan(truth.dimensions_UK[:, 1])
    column = told.dimensions_UK[known_U, 1], truth.dimensions_UK[known_U, 1]
    assert found["ccc.arousal"].value == concordances(*column, np.ones((known_U.sum(), 1)))[0]
    assert found["ccc.arousal"].counts == (51,)
    assert found["ccc"].counts == (60, 51)
    assert found["ccc"].value == pytest.approx((found["ccc.valence"].value + found["ccc.arousal"].value) / 2)
    assert told.probabilities_UC is not None
    assert truth.shares_UC is not None
    kept_U = np.arange(UNITS) % 5 != 0
    distances_N = chebyshev_distances(told.probabilities_UC[kept_U], truth.shares_UC[kept_U])
    assert found["chebyshev"].value == pytest.approx(distances_N.mean())
    assert found["chebyshev"].counts == (48,)
    assert truth.single_U is not None
    judged = int((truth.single_U >= 0).sum())
    assert found["accuracy"].counts == found["ece"].counts == (judged,)
    assert sum(found["balanced_accuracy"].counts) == judged
    assert sizes(truth) == {
        "n_units": 60,
        "n_groups": 60,
        "n_classes": 7,
        "n_absent": 1,
        "n_single": judged,
        "n_shares": 48,
    }


def test_what_is_not_told_or_known_has_no_scores() -> None:
    told, truth = units()
    weights_US = draw_weights(UNITS, seed=0, resamples=5)

    def names(told: Told, truth: Truth) -> set[str]:
        return {key.split(".")[0] for key in resample(told, truth, weights_US)}

    shares = {"kl", "chebyshev", "clark", "canberra", "cosine", "intersection"}
    assert names(replace(told, probabilities_UC=None), truth) == set(SCORES) - shares - {"ece"}
    assert names(replace(told, scores_UC=None), truth) == set(SCORES)
    assert names(replace(told, scores_UC=None, probabilities_UC=None), truth) == {"ccc", "rmse"}
    assert names(told, replace(truth, names=())) == set(SCORES) - {
        "ap",
        "polarity_accuracy",
        "wheel_distance",
    }
    bare = Truth(truth.labels_UC, None)
    assert names(replace(told, dimensions_UK=None), bare) == {"macro_map", "auc", "hit_rate"}
    assert sizes(bare) == {"n_units": 60, "n_groups": 60, "n_classes": 7, "n_absent": 1}
    unlabelled = replace(truth, labels_UC=truth.labels_UC & False, single_U=np.full(UNITS, -1))
    assert names(told, unlabelled) == shares | {"ccc", "rmse"}
    unknown = replace(bare, dimensions_UK=np.where(np.arange(120).reshape(60, 2) > 1, np.nan, 1.0))
    unknown = replace(unknown, dimension_names=("valence", "arousal"))
    assert names(told, unknown) == {"macro_map", "auc", "hit_rate"}  # one known unit is too few
    few = Truth(truth.labels_UC[:, :3], np.zeros(UNITS, dtype=np.int64))
    assert names(Told(np.zeros((UNITS, 3)), None), few) >= {"accuracy", "top2"}
    assert "top3" not in names(Told(np.zeros((UNITS, 3)), None), few)


def test_only_those_asked_for() -> None:
    told, truth = units()
    weights_US = draw_weights(UNITS, seed=0, resamples=5)
    everything = resample(told, truth, weights_US)
    for name in SCORES:
        found = resample(told, truth, weights_US, only=[name])
        assert list(found) == [key for key in everything if key.split(".")[0] == name]
        assert all(found[key].value == everything[key].value for key in found)
    with pytest.raises(ValueError, match=r"a score must be one of macro_map, ap, .*; got 'f2'"):
        resample(told, truth, weights_US, only=["f2"])


def test_copies_of_a_unit_in_its_group_tell_nothing_new() -> None:
    """But for scores by rank, in which a row's own copies stand beside it."""
    told, truth = units()
    weights_US = draw_weights(UNITS, seed=0, resamples=50)
    thrice = np.repeat(np.arange(UNITS), 3)
    many_told, many_truth = at(thrice, told, truth)
    many_truth = replace(many_truth, groups_U=thrice)
    once, many = resample(told, truth, weights_US), resample(many_told, many_truth, weights_US[thrice])
    assert sizes(many_truth)["n_groups"] == 60
    assert sizes(many_truth)["n_units"] == 180
    for name, one in once.items():
        assert many[name].counts == one.counts, name
        if score_of(name).name not in ("macro_map", "ap"):
            found, expected = many[name].estimate(), one.estimate()
            assert (found.low, found.value, found.high) == pytest.approx(
                (expected.low, expected.value, expected.high)
            ), name


def test_weights_are_rows_that_come_as_often() -> None:
    told, truth = units(2)
    times_U = np.random.default_rng(0).integers(1, 4, size=UNITS)
    found = resample(told, truth, times_U[:, None].astype(float))
    repeated = at(np.repeat(np.arange(UNITS), times_U), told, truth)
    for name, one in resample(*repeated, np.ones((times_U.sum(), 1))).items():
        if score_of(name).name not in (
            "macro_map",
            "ap",
        ):  # there a row counts itself once, whatever its weight
            assert found[name].replicates[0] == pytest.approx(one.value, abs=1e-9), name


def test_constant_scores_have_their_values() -> None:
    _, truth = units()
    told = Told(np.zeros((UNITS, 8)), np.full((UNITS, 8), 1 / 8), np.zeros((UNITS, 2)))
    found = {name: one.value for name, one in resample(told, truth, np.ones((UNITS, 1))).items()}
    assert truth.single_U is not None
    first = float((truth.single_U[truth.single_U >= 0] == 0).mean())
    assert found["accuracy"] == pytest.approx(first)
    assert found["ece"] == pytest.approx(abs(first - 1 / 8))
    assert found["balanced_accuracy"] == pytest.approx(1 / 7)
    assert found["auc"] == 0.5
    assert found["macro_map"] == metrics.macro_map(np.zeros((UNITS, 8)), truth.labels_UC)[0]
    assert found["ccc"] == 0


def test_pairs() -> None:
    told, truth = units()
    other = units(9)[0]
    weights_US = draw_weights(UNITS, seed=0, resamples=100)
    there, back = compare(told, other, truth, weights_US), compare(other, told, truth, weights_US)
    ours, theirs = resample(told, truth, weights_US), resample(other, truth, weights_US)
    assert list(there) == list(ours)
    for name, found in there.items():
        assert found.value == pytest.approx(ours[name].value - theirs[name].value)
        assert (found.low, found.high) == pytest.approx((-back[name].high, -back[name].low))
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
    better = {"accuracy", "balanced_accuracy", "macro_f1", "macro_map", "ccc", "rmse", "wheel_distance", "kl"}
    for name in better:  # the other one speaks of other pictures
        assert (there[name].value > 0) == (SCORES[name].better == "higher")
        assert there[name].p < 0.01
    same = compare(told, told, truth, weights_US, only=["kl", "rmse"])
    assert {(one.value, one.low, one.high, one.p) for one in same.values()} == {(0.0, 0.0, 0.0, 1.0)}
    silent = replace(other, probabilities_UC=None)
    assert "kl" not in compare(told, silent, truth, weights_US)


CHECKED = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "ece",
    "polarity_accuracy",
    "wheel_distance",
    "kl",
    "cosine",
    "ccc",
    "rmse",
)


@pytest.mark.parametrize("signal", [1.5, 4.0])
def test_intervals_hold_the_truth_as_often_as_they_say(signal: float) -> None:
    """Of 120 units; the truth is the mean of 400 other test sets. With a signal of 4, 99 of 100 are right."""
    others = [
        resample(*units(seed, count=120, signal=signal), np.ones((120, 1)), only=CHECKED)
        for seed in range(400)
    ]
    truth = {name: np.mean([one[name].value for one in others]) for name in others[0]}
    held = dict.fromkeys(truth, 0)
    for seed in range(200):
        weights_US = draw_weights(120, seed=seed, resamples=100)
        found = resample(*units(10_000 + seed, count=120, signal=signal), weights_US, only=CHECKED)
        for name, one in found.items():
            estimate = one.estimate()
            held[name] += bool(estimate.low <= truth[name] <= estimate.high)
    assert {name: count for name, count in held.items() if not count >= 0.9 * 200} == {}


def test_p_of_models_that_are_equally_good_is_no_lower_than_it_says() -> None:
    below = dict.fromkeys(CHECKED, 0)
    for seed in range(200):
        (told, truth), rng = units(seed, count=120), np.random.default_rng([seed, 4])

        def noisy(told: Told, rng: np.random.Generator) -> Told:
            assert told.scores_UC is not None
            assert told.dimensions_UK is not None
            scores_UC: Floats = told.scores_UC + rng.normal(size=told.scores_UC.shape)
            odds_UC = np.exp(scores_UC)
            moved_UK = told.dimensions_UK + 0.3 * rng.normal(size=told.dimensions_UK.shape)
            return Told(scores_UC, odds_UC / odds_UC.sum(axis=1, keepdims=True), moved_UK)

        weights_US = draw_weights(120, seed=seed, resamples=100)
        found = compare(noisy(told, rng), noisy(told, rng), truth, weights_US, only=CHECKED)
        for name in below:
            below[name] += found[name].p < 0.05
    assert {name: count for name, count in below.items() if count > 0.09 * 200} == {}
