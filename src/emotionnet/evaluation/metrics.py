"""Scores of predictions: arrays in, numbers out.

Shape letters: N = rows (pictures or groups), C = classes. Every function takes scores_NC,
any finite numbers of which the larger say yes, and labels_NC, true where a row has a class.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]

AT_ONCE = 32  # classes: what is worked on stays within the cache
LARGE = 2**20  # scores from which on it pays to share the work among threads


def hit_rate(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> float:
    """Share of rows whose top class is one of their labels (Wei et al. 2020, section 5).

    Rows without a label can hit nothing and are left out. Of equal top scores the
    first class counts.

    Returns:
        0 to 1.

    Raises:
        ValueError: The arrays do not fit each other, see the top of this file, or no row has a label.
    """
    scores_NC, labels_NC = _checked(scores_NC, labels_NC)
    labelled_N = labels_NC.any(axis=1)
    if not labelled_N.any():
        raise ValueError("a hit rate needs at least one row with a label; every row has none")
    top_N = scores_NC.argmax(axis=1)
    hits_N = labels_NC[np.arange(len(top_N)), top_N]
    return float(hits_N[labelled_N].mean())


def top1(scores_NC: npt.NDArray[Any], values_NC: npt.NDArray[Any]) -> float:
    """Share of rows whose top class has the row's largest label value (Wei et al. 2020, section 4).

    Rows whose label values are all 0 are left out, as in `hit_rate`, which it never exceeds. Of equal
    top scores the first class counts.

    Args:
        scores_NC: See the top of this file.
        values_NC: Label values in place of `labels_NC`, such as shares of the votes; at least 0.

    Returns:
        0 to 1.

    Raises:
        ValueError: The arrays do not fit each other, or no row has a label value above 0.
    """
    scores_NC, labels_NC = _checked(scores_NC, values_NC > 0)
    labelled_N = labels_NC.any(axis=1)
    if not labelled_N.any():
        raise ValueError("a top-1 score needs at least one row with a label; every row has none")
    of_top_N = values_NC[np.arange(len(scores_NC)), scores_NC.argmax(axis=1)]
    return float((of_top_N == values_NC.max(axis=1))[labelled_N].mean())


def precisions_and_aucs(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> tuple[Floats, Floats]:
    """Average precision and AUC of each class, see `average_precisions` and `aucs`: one sort gives both.

    All that either asks is where the positive rows stand among all rows, and positive rows are few. Baselines
    ask thousands of times.

    Returns:
        Two float64 arrays of shape (C,).

    Raises:
        ValueError: The arrays do not fit each other.
    """
    scores_NC, labels_NC = _checked(scores_NC, labels_NC)
    precisions_C, aucs_C = np.full((2, labels_NC.shape[1]), np.nan)

    def fill(first: int) -> None:
        part = slice(first, first + AT_ONCE)
        rows_CN, own_CN = (np.ascontiguousarray(values_NC[:, part].T) for values_NC in (scores_NC, labels_NC))
        for column, (row_N, sorted_N, own_N) in enumerate(
            zip(rows_CN, np.sort(rows_CN, axis=1), own_CN, strict=True), start=first
        ):
            precisions_C[column], aucs_C[column] = _of_class(sorted_N, np.sort(row_N[own_N]))

    starts = range(0, labels_NC.shape[1], AT_ONCE)
    if scores_NC.size < LARGE:
        list(map(fill, starts))
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, starts))
    return precisions_C, aucs_C


def _of_class(sorted_N: Floats, positives_P: Floats) -> tuple[float, float]:
    """Average precision and AUC of one class, by all scores and those of positive rows, both rising."""
    count, positives = len(sorted_N), len(positives_P)
    if not positives:
        return np.nan, np.nan
    below_P = np.searchsorted(sorted_N, positives_P, side="left")
    found_P = positives - np.searchsorted(positives_P, positives_P, side="left")
    precision_P = found_P / (count - below_P)
    precision = precision_P[::-1].cumsum()[-1] / positives  # added up from the highest score on
    if positives == count:
        return precision, np.nan
    through_P = np.searchsorted(sorted_N, positives_P, side="right")
    wins = (below_P + through_P + 1).sum() / 2 - positives * (positives + 1) / 2
    return precision, wins / (positives * (count - positives))


def average_precisions(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> Floats:
    """Average precision of each class: precision summed over the steps of recall, exact, no interpolation.

    The same number as scikit-learn's `average_precision_score`; rows of equal score form one step.

    Returns:
        Float64, shape (C,), 0 to 1; NaN for a class without a positive row.

    Raises:
        ValueError: The arrays do not fit each other.
    """
    return precisions_and_aucs(scores_NC, labels_NC)[0]


def macro_map(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> tuple[float, int]:
    """Mean average precision, each class alike, and the number of classes that it is over.

    Classes without a positive row have no average precision and do not count.

    Raises:
        ValueError: The arrays do not fit each other, or no class has a positive row.
    """
    return mean_of_classes(average_precisions(scores_NC, labels_NC), "a positive row")


def aucs(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> Floats:
    """Area under the ROC curve of each class: the chance that a positive row outscores a negative one.

    Equal scores count one half (Hanley and McNeil, Radiology 1982).

    Returns:
        Float64, shape (C,), 0 to 1; NaN for a class without both positive and negative rows.

    Raises:
        ValueError: The arrays do not fit each other.
    """
    return precisions_and_aucs(scores_NC, labels_NC)[1]


def crossed_aucs(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> Floats:
    """AUC of each class by the scores of each: what a class would have if it were told by another's scores.

    Returns:
        Float64, shape (C, C), labels by scores, `aucs` on the diagonal; NaN for a class without both positive
        and negative rows.

    Raises:
        ValueError: The arrays do not fit each other.
    """
    scores_NC, labels_NC = _checked(scores_NC, labels_NC)
    positives_C1 = labels_NC.sum(axis=0)[:, None]
    rank_sums_CC = labels_NC.T.astype(np.float64) @ rankdata(scores_NC, axis=0)
    wins_CC = rank_sums_CC - positives_C1 * (positives_C1 + 1) / 2
    pairs_C1 = positives_C1 * (len(labels_NC) - positives_C1)
    crossed_CC: Floats = np.full(wins_CC.shape, np.nan)
    np.divide(wins_CC, pairs_C1, out=crossed_CC, where=pairs_C1 > 0)
    return crossed_CC


def macro_auc(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> tuple[float, int]:
    """Mean AUC, each class alike, and the number of classes that it is over.

    Raises:
        ValueError: The arrays do not fit each other, or no class has both positive and negative rows.
    """
    return mean_of_classes(aucs(scores_NC, labels_NC), "both positive and negative rows")


def mean_of_classes(values_C: Floats, need: str) -> tuple[float, int]:
    """Mean of the classes that have a value, and their number; `need` says what the others, NaN, lack.

    Raises:
        ValueError: No class has a value.
    """
    known_C = ~np.isnan(values_C)
    if not known_C.any():
        raise ValueError(f"at least one class must have {need}; none of {len(values_C)} has")
    return float(values_C[known_C].mean()), int(known_C.sum())


def _checked(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> tuple[Floats, Labels]:
    """Scores as float64 and labels as booleans, both of one shape (N, C) with N and C above 0."""
    if scores_NC.ndim != 2 or scores_NC.shape != labels_NC.shape or scores_NC.size == 0:
        shapes = f"{scores_NC.shape} and {labels_NC.shape}"
        raise ValueError(f"scores and labels must have one (N, C) shape without a 0; got {shapes}")
    if labels_NC.dtype != np.bool_:
        raise ValueError(f"labels must be booleans; got {labels_NC.dtype}")
    if not np.isfinite(scores_NC).all():
        raise ValueError(f"scores must be finite; {int((~np.isfinite(scores_NC)).sum())} are not")
    return scores_NC.astype(np.float64, copy=False), labels_NC
