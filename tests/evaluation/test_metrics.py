from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_auc_score

from emotionnet.evaluation import metrics
from emotionnet.evaluation.metrics import (
    Labels,
    aucs,
    average_precisions,
    crossed_aucs,
    hit_rate,
    macro_auc,
    macro_map,
    precisions_and_aucs,
    top1,
)

Metric = Callable[[npt.NDArray[Any], Labels], Any]
METRICS: tuple[Metric, ...] = (hit_rate, average_precisions, macro_map, aucs, macro_auc, crossed_aucs)


def labels(rows: list[list[int]]) -> Labels:
    return np.array(rows, dtype=np.bool_)


def drawn(seed: int, *, values: int) -> tuple[npt.NDArray[np.float64], Labels]:
    """Scores with many ties, and labels."""
    rng = np.random.default_rng(seed)
    rows, classes = int(rng.integers(1, 30)), int(rng.integers(1, 6))
    scores_NC = rng.integers(values, size=(rows, classes)) / 7
    return scores_NC, rng.random((rows, classes)) < rng.random()


def slow_average_precision(scores: list[float], positives: list[bool]) -> float:
    """Walk down the distinct scores: precision at each, times the recall it adds."""
    total, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = [positive for score, positive in zip(scores, positives, strict=True) if score >= threshold]
        recall = sum(chosen) / sum(positives)
        total += sum(chosen) / len(chosen) * (recall - before)
        before = recall
    return total


def slow_auc(scores: list[float], positives: list[bool]) -> float:
    """Compare every positive with every negative; a tie is half a win."""
    pairs = [
        (yes > no) + 0.5 * (yes == no)
        for yes, is_positive in zip(scores, positives, strict=True)
        for no, is_other in zip(scores, positives, strict=True)
        if is_positive and not is_other
    ]
    return sum(pairs) / len(pairs)


def test_hit_rate_by_hand() -> None:
    scores_NC = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    assert hit_rate(scores_NC, labels([[1, 0], [1, 0], [1, 1]])) == pytest.approx(2 / 3)


def test_hit_rate_takes_the_first_of_equal_scores() -> None:
    tied_NC = np.array([[0.5, 0.5], [0.5, 0.5]])
    assert hit_rate(tied_NC, labels([[1, 0], [0, 1]])) == 0.5


def test_hit_rate_leaves_out_rows_without_a_label() -> None:
    scores_NC = np.array([[0.9, 0.1], [0.9, 0.1]])
    assert hit_rate(scores_NC, labels([[1, 0], [0, 0]])) == 1.0


def test_average_precision_by_hand() -> None:
    scores_NC = np.array([[4.0], [3.0], [2.0], [1.0]])
    # positives at ranks 1 and 3: (1/1 + 2/3) / 2
    assert average_precisions(scores_NC, labels([[1], [0], [1], [0]]))[0] == pytest.approx(5 / 6)


def test_average_precision_of_constant_scores_is_the_prevalence() -> None:
    assert average_precisions(np.zeros((4, 1)), labels([[0], [0], [1], [0]]))[0] == pytest.approx(0.25)


@given(st.integers(0, 10_000))
def test_average_precisions_equal_scikit_learn_and_the_slow_walk(seed: int) -> None:
    scores_NC, labels_NC = drawn(seed, values=5)
    for ours, column, positives in zip(
        average_precisions(scores_NC, labels_NC), scores_NC.T, labels_NC.T, strict=True
    ):
        if not positives.any():
            assert np.isnan(ours)
            continue
        assert ours == pytest.approx(average_precision_score(positives, column))
        assert ours == pytest.approx(slow_average_precision(column.tolist(), positives.tolist()))


@given(st.integers(0, 10_000))
def test_aucs_equal_scikit_learn_and_the_slow_pairs(seed: int) -> None:
    scores_NC, labels_NC = drawn(seed, values=5)
    for ours, column, positives in zip(aucs(scores_NC, labels_NC), scores_NC.T, labels_NC.T, strict=True):
        if positives.all() or not positives.any():
            assert np.isnan(ours)
            continue
        assert ours == pytest.approx(roc_auc_score(positives, column))
        assert ours == pytest.approx(slow_auc(column.tolist(), positives.tolist()))


def sorted_whole(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> tuple[list[float], list[float]]:
    """Every row of every class in order, as the scores were computed at first: their last bits count."""
    precisions, areas = [], []
    for column_N, positive_N in zip(scores_NC.T, labels_NC.T, strict=True):
        order_N = np.argsort(-column_N, kind="stable")
        found = [int((positive_N & (column_N >= column_N[row])).sum()) for row in order_N]
        reach = [int((column_N >= column_N[row]).sum()) for row in order_N]
        total, positives = 0.0, int(positive_N.sum())
        for row, hits, rows in zip(order_N, found, reach, strict=True):
            total += hits / rows if positive_N[row] else 0.0
        precisions.append(total / positives if positives else np.nan)
        pairs = positives * (len(column_N) - positives)
        wins = rankdata(column_N)[positive_N].sum() - positives * (positives + 1) / 2
        areas.append(wins / pairs if pairs else np.nan)
    return precisions, areas


@pytest.mark.parametrize("large", [1, 2**20])
@pytest.mark.parametrize("values", [3, 10_000])
def test_one_sort_gives_both_scores_to_the_last_bit(
    large: int, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shared among threads or not, over more classes than are worked on at once."""
    monkeypatch.setattr(metrics, "LARGE", large)
    rng = np.random.default_rng(0)
    scores_NC = rng.integers(values, size=(60, 2 * metrics.AT_ONCE + 3)) / 7
    labels_NC = rng.random(scores_NC.shape) < rng.random(scores_NC.shape[1])
    labels_NC[:, 1], labels_NC[:, -1] = False, True
    expected = sorted_whole(scores_NC, labels_NC)
    for found_C, wanted_C in zip(precisions_and_aucs(scores_NC, labels_NC), expected, strict=True):
        np.testing.assert_array_equal(found_C, np.array(wanted_C))


@given(st.integers(0, 10_000))
def test_crossed_aucs_are_those_of_swapped_columns(seed: int) -> None:
    scores_NC, labels_NC = drawn(seed, values=5)
    crossed_CC = crossed_aucs(scores_NC, labels_NC)
    for column, scores_N in enumerate(scores_NC.T):
        one_column_NC = np.repeat(scores_N[:, None], scores_NC.shape[1], axis=1)
        np.testing.assert_array_equal(crossed_CC[:, column], aucs(one_column_NC, labels_NC))


def test_macro_scores_leave_out_classes_that_have_no_score() -> None:
    scores_NC = np.array([[3.0, 0.0, 3.0], [2.0, 0.0, 2.0], [1.0, 0.0, 1.0]])
    labels_NC = labels(
        [[1, 0, 1], [0, 0, 1], [0, 0, 1]]
    )  # the second class is absent, the third always there
    assert macro_map(scores_NC, labels_NC) == (1.0, 2)
    assert macro_auc(scores_NC, labels_NC) == (1.0, 1)


@given(st.integers(0, 10_000))
def test_scores_do_not_depend_on_the_scale_or_the_order_of_rows(seed: int) -> None:
    scores_NC, labels_NC = drawn(seed, values=4)
    order = np.random.default_rng(seed).permutation(len(scores_NC))
    for metric in (average_precisions, aucs):
        expected_C = metric(scores_NC, labels_NC)
        moved_C = metric(np.exp(scores_NC[order]), labels_NC[order])
        np.testing.assert_allclose(moved_C, expected_C, rtol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (2,), (0, 2)])
def test_shape_error_shows_both_shapes(metric: Metric, shape: tuple[int, ...]) -> None:
    other = np.zeros((2, 2), dtype=np.bool_) if shape != (0, 2) else np.zeros(shape, dtype=np.bool_)
    with pytest.raises(ValueError, match=r"one \(N, C\) shape without a 0; got \("):
        metric(np.zeros(shape), other)


@pytest.mark.parametrize("metric", METRICS)
def test_scores_must_be_finite(metric: Metric) -> None:
    with pytest.raises(ValueError, match="scores must be finite; 2 are not"):
        metric(np.array([[np.nan, 1.0], [np.inf, 0.0]]), labels([[1, 0], [0, 1]]))


@pytest.mark.parametrize("metric", METRICS)
def test_labels_must_be_booleans(metric: Metric) -> None:
    with pytest.raises(ValueError, match="labels must be booleans; got int64"):
        metric(np.zeros((2, 2)), np.ones((2, 2), dtype=np.int64))


def test_scores_of_no_label_at_all_are_refused() -> None:
    nothing = np.zeros((3, 2), dtype=np.bool_)
    with pytest.raises(ValueError, match="at least one row with a label"):
        hit_rate(np.zeros((3, 2)), nothing)
    with pytest.raises(ValueError, match="must have a positive row; none of 2 has"):
        macro_map(np.zeros((3, 2)), nothing)
    with pytest.raises(ValueError, match="both positive and negative rows; none of 2 has"):
        macro_auc(np.zeros((3, 2)), nothing)


def test_top1_by_hand() -> None:
    """The third row has no label, the last two classes of the second are level."""
    scores_NC = np.array([[3, 2, 1], [0, 0, 1], [1, 0, 0], [5, 6, 5]])
    values_NC = np.array([[0.2, 0.8, 0], [0, 0.5, 0.5], [0, 0, 0], [0, 1, 0]])
    assert top1(scores_NC, values_NC) == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_top1_of_plain_labels_is_the_hit_rate_and_else_never_above_it(seed: int) -> None:
    scores_NC, labels_NC = drawn(seed, values=6)
    labels_NC[0, 0] = True
    assert top1(scores_NC, labels_NC.astype(float)) == hit_rate(scores_NC, labels_NC)
    values_NC = labels_NC * np.random.default_rng(seed).random(labels_NC.shape)
    assert top1(scores_NC, values_NC) <= hit_rate(scores_NC, values_NC > 0)


def test_top1_without_any_label_is_an_error() -> None:
    with pytest.raises(ValueError, match="a top-1 score needs at least one row with a label"):
        top1(np.zeros((2, 3)), np.zeros((2, 3)))
