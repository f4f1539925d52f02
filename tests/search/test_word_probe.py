"""Probes of words: against a slow second solver, on rows whose answer is plain, and where marks run short."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize

from emotionnet.evaluation.metrics import average_precisions
from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.outputs import Array
from emotionnet.search.examples import Examples, Marks
from emotionnet.search.ranking import Column, Measure
from emotionnet.search.word_probe import BACKGROUND_BELOW, FLAT, RARE, C, Inputs, learn, train


def test_probe_is_the_minimum_that_another_solver_finds() -> None:
    """With two measures, one of which stands on two columns."""
    examples, point_D = _examples(count=40, yes=6, no=4, seed=1), _unit(5, seed=2)
    both = Measure({"projection": _unit(5, seed=3), "log_probabilities": np.array([2, -1], np.float32)})
    probe = train(examples, [Measure({"projection": point_D}), both])

    rows_NF = examples.vectors("features").astype(np.float64)
    std_F = np.maximum(rows_NF.std(axis=0), RARE * rows_NF.std(axis=0).mean())
    standard_NF = (rows_NF - rows_NF.mean(axis=0)) / std_F / np.sqrt(rows_NF.shape[1])
    logs_N2 = examples.vectors("log_probabilities").astype(np.float64)
    cosines_N = examples.vectors("projection") @ point_D.astype(np.float64)
    summed_N = examples.vectors("projection") @ _unit(5, seed=3) + 2 * logs_N2[:, 0] - logs_N2[:, 1]
    known = [(told_N - told_N.mean()) / told_N.std() for told_N in (cosines_N, summed_N)]
    inputs_NF = np.column_stack([standard_NF, *known])
    signs_N = np.where(examples.marks.yes_N, 1.0, -1.0)

    def loss(values: npt.NDArray[np.float64]) -> float:
        margins_N = signs_N * (inputs_NF @ values[:-1] + values[-1])
        losses_N = examples.marks.row_weights * np.logaddexp(0.0, -margins_N)
        return float(C * losses_N.sum() + 0.5 * (values[:-1] ** 2).sum())

    found = minimize(loss, np.zeros(inputs_NF.shape[1] + 1), method="BFGS", options={"gtol": 1e-6}).x
    expected_N = inputs_NF @ found[:-1] + found[-1]
    np.testing.assert_allclose(probe.decision(examples.vectors), expected_N, rtol=0.01, atol=0.01)


def test_few_examples_find_the_others() -> None:
    examples = _examples(count=200, yes=5, shift=0.6, hidden=20)
    told_N = train(examples, []).decision(examples.vectors)
    own_N = np.arange(200) < 25  # the marked ones, and 20 that nobody marked
    assert _precision(told_N[5:], own_N[5:]) > 0.8


def test_a_word_that_the_vectors_know_helps() -> None:
    """The features say nothing, the projection everything."""
    examples, point_D = _examples(count=400, yes=5), _unit(5, seed=3)
    own_N = np.arange(400) < 25
    projection_ND = unit_rows(examples.vectors("projection") + 4 * own_N[:, None] * point_D)
    known = _with(examples, "projection", projection_ND)
    with_word = train(known, [Measure({"projection": point_D})]).decision(known.vectors)
    without = train(known, []).decision(known.vectors)
    assert _precision(with_word[5:], own_N[5:]) > 0.8
    assert _precision(without[5:], own_N[5:]) < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_a_word_whose_point_says_nothing_is_dropped(seed: int) -> None:
    examples, point_D = _examples(count=200, yes=8, shift=0.6, hidden=20, seed=seed), _unit(5, seed=seed + 50)
    told_N = train(examples, [Measure({"projection": point_D})]).decision(examples.vectors)
    assert _precision(told_N[8:], (np.arange(200) < 28)[8:]) > 0.7


def test_a_probe_stands_on_no_columns_but_those_of_what_is_known() -> None:
    examples, likely = _examples(count=20, yes=3), Measure({"log_probabilities": _unit(2)})
    assert set(train(examples, []).measure.directions) == {"features"}
    assert set(train(examples, [likely]).measure.directions) == {"features", "log_probabilities"}
    more = [likely, Measure({"projection": _unit(5)})]
    assert set(train(examples, more).measure.directions) == {"features", "log_probabilities", "projection"}


def test_what_is_known_of_itself_adds_up_on_the_features() -> None:
    """A measure on the features too changes the direction there, and is told by it."""
    examples = _examples(count=40, yes=4, shift=0.5)
    along = Measure({"features": _unit(20, seed=4)})
    probe = train(examples, [along])
    inputs = Inputs(examples, [along])
    coefficients, intercept = inputs.fit(np.ones(40, dtype=np.bool_))
    expected_N = inputs.rows @ coefficients + intercept
    np.testing.assert_allclose(probe.decision(examples.vectors), expected_N, rtol=1e-3, atol=1e-3)


def test_score_tells_clear_marks_from_chance() -> None:
    clear = learn(_examples(count=100, yes=6, shift=2.0), [])
    assert clear.score == 1.0
    scores = [learn(_examples(count=100, yes=6, seed=seed), []) for seed in range(8)]
    mean, chance = (np.mean([getattr(one, name) for one in scores]) for name in ("score", "chance"))
    assert mean == pytest.approx(chance, abs=0.08)
    assert 0.06 < chance < 0.15


def test_marks_that_look_alike_are_held_out_together() -> None:
    """Three pictures, twice each, among noise: who has seen the one knows the other, and nothing else."""
    rng = np.random.default_rng(0)
    features_NF = rng.standard_normal((100, 30))
    features_NF[3:6] = features_NF[:3]
    yes_N, groups_N = np.arange(100) < 6, np.arange(100)
    rows = unit_rows(features_NF.astype(np.float32))

    def score(groups_N: npt.NDArray[np.int64]) -> float:
        marks = Marks(yes_N, np.zeros(100, dtype=np.bool_), groups_N)
        found = learn(Examples({"features": rows}.__getitem__, marks), []).score
        assert found is not None
        return found

    together_N = groups_N.copy()
    together_N[3:6] = groups_N[:3]
    assert score(groups_N) > 0.5
    assert score(together_N) < 0.3


def test_yes_begins_where_half_of_the_held_out_marks_are_and_little_of_the_background() -> None:
    examples = _examples(count=400, yes=10, shift=0.4)
    probe = learn(examples, []).probe
    told_N = probe.decision(examples.vectors)
    assert (told_N[10:] > 0).mean() <= 1 - BACKGROUND_BELOW
    assert (told_N[:10] > 0).mean() >= 0.5


@pytest.mark.parametrize("yes", [1, 2])
def test_too_few_yes_have_no_score_but_a_probe(yes: int) -> None:
    learned = learn(_examples(count=30, yes=yes, shift=2.0), [])
    told = "is 1" if yes == 1 else "are 2"
    assert (learned.score, learned.chance) == (None, None)
    assert learned.why == (
        f"a score needs at least 3 pictures marked yes that do not look alike; there {told}"
    )
    examples = _examples(count=30, yes=yes, shift=2.0)
    assert (learned.probe.decision(examples.vectors)[yes:] < 0).mean() > 0.9


def test_three_yes_that_look_alike_are_too_few() -> None:
    examples = _examples(count=30, yes=3)
    groups_N = examples.marks.groups_N.copy()
    groups_N[:3] = 0
    marks = Marks(examples.marks.yes_N, examples.marks.no_N, groups_N)
    assert "there is 1" in learn(Examples(examples.vectors, marks), []).why


def test_one_picture_to_hold_them_against_is_too_few() -> None:
    learned = learn(_examples(count=5, yes=4), [])
    assert learned.score is None
    assert (
        learned.why == "a score needs at least 2 pictures not marked yes that do not look alike; there is 1"
    )


def test_equal_rows_are_told_alike() -> None:
    marks = Marks(np.array([True, False, False]), np.zeros(3, dtype=np.bool_), np.arange(3))
    columns = ("features", "projection", "log_probabilities")
    vectors = {column: np.full((3, 4), 0.3, dtype=np.float32) for column in columns}
    known = [Measure({"projection": _unit(4)}), Measure({"log_probabilities": 9 * _unit(4)})]
    probe = train(Examples(vectors.__getitem__, marks), known)
    assert np.ptp(probe.decision(vectors.__getitem__)) == 0
    assert all(abs(direction).max() < FLAT for direction in probe.measure.directions.values())


def test_a_feature_that_hardly_ever_speaks_does_not_shout() -> None:
    """All but 0 in the sample and a little larger in one marked picture; then large in a new one."""
    examples = _examples(count=200, yes=3)
    features_NF = examples.vectors("features").copy()
    features_NF[:, 0] = 0
    features_NF[0, 0] = 1e-4
    probe = train(_with(examples, "features", features_NF), [])
    new_NF = features_NF[100:101].copy()
    before = probe.decision({"features": new_NF}.__getitem__)[0]
    new_NF[0, 0] = 0.3
    assert abs(probe.decision({"features": new_NF}.__getitem__)[0] - before) < 10


def test_a_few_regressions_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many marks there are: one for each fold, and that of all."""
    fits: list[int] = []
    real = Inputs.fit

    def fit(inputs: Inputs, kept_N: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], float]:
        fits.append(int(kept_N.sum()))
        return real(inputs, kept_N)

    monkeypatch.setattr(Inputs, "fit", fit)
    learn(_examples(count=100, yes=50), [])
    assert fits == [100, 80, 80, 80, 80, 80]


def test_same_examples_same_probe() -> None:
    one, other = (learn(_examples(count=60, yes=5, shift=0.5), []) for _ in range(2))
    first, again = (learned.probe.measure.directions["features"] for learned in (one, other))
    np.testing.assert_array_equal(first, again)
    assert (one.score, one.chance, one.probe.intercept) == (other.score, other.chance, other.probe.intercept)


def _examples(
    *, count: int, yes: int, no: int = 0, shift: float = 0.0, hidden: int = 0, seed: int = 0
) -> Examples:
    """Noise; the first `yes` rows are marked yes, the `no` behind them no.

    The marked yes and `hidden` more lie off by twice `shift` in half of the features.
    """
    rng = np.random.default_rng(seed)
    features_NF = rng.standard_normal((count, 20))
    features_NF[: yes + hidden, :10] += 2 * shift
    rows = np.arange(count)
    marks = Marks(rows < yes, (rows >= yes) & (rows < yes + no), rows)
    projection_ND = unit_rows(rng.standard_normal((count, 5)).astype(np.float32))
    logs_NC = rng.standard_normal((count, 2)).astype(np.float32)
    vectors: dict[Column, Array] = {
        "features": unit_rows(features_NF.astype(np.float32)),
        "projection": projection_ND,
        "log_probabilities": logs_NC,
    }
    return Examples(vectors.__getitem__, marks)


def _with(examples: Examples, column: Column, rows: Array) -> Examples:
    """The same but for one column."""
    return Examples(lambda name: rows if name == column else examples.vectors(name), examples.marks)


def _unit(size: int, *, seed: int = 0) -> Array:
    row: Array = unit_rows(np.random.default_rng(seed).standard_normal((1, size)).astype(np.float32))[0]
    return row


def _precision(scores_N: npt.NDArray[np.float64], labels_N: npt.NDArray[np.bool_]) -> float:
    return float(average_precisions(scores_N[:, None], labels_N[:, None])[0])
