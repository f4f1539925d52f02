"""Scores of predictions: arrays in, numbers out.

Shape letters: N = rows (pictures or groups), C = classes. Every function takes scores_NC,
any finite numbers of which the larger say yes, and labels_NC, true where a row has a class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


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


def average_precisions(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> Floats:
    """Average precision of each class: precision summed over the steps of recall, exact, no interpolation.

    The same number as scikit-learn's `average_precision_score`; rows of equal score form one step.
    All classes at once, since baselines ask thousands of times.

    Returns:
        Float64, shape (C,), 0 to 1; NaN for a class without a positive row.

    Raises:
        ValueError: The arrays do not fit each other.
    """
    scores_NC, labels_NC = _checked(scores_NC, labels_NC)
    count = len(scores_NC)
    order_NC = np.argsort(-scores_NC, axis=0, kind="stable")
    sorted_NC = np.take_along_axis(scores_NC, order_NC, axis=0)
    positive_NC = np.take_along_axis(labels_NC, order_NC, axis=0)
    last_NC = np.ones_like(positive_NC)
    last_NC[:-1] = sorted_NC[:-1] != sorted_NC[1:]
    step_NC = np.where(last_NC, np.arange(count)[:, None], count)
    step_NC = np.minimum.accumulate(step_NC[::-1], axis=0)[::-1]  # the last row of each row's step
    found_NC = np.take_along_axis(positive_NC.cumsum(axis=0), step_NC, axis=0)
    precision_NC = found_NC / (step_NC + 1)
    positives_C = labels_NC.sum(axis=0)
    total_C = np.where(positive_NC, precision_NC, 0.0).sum(axis=0)
    return _ratio(total_C, positives_C)


def macro_map(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> tuple[float, int]:
    """Mean average precision, each class alike, and the number of classes that it is over.

    Classes without a positive row have no average precision and do not count.

    Raises:
        ValueError: The arrays do not fit each other, or no class has a positive row.
    """
    return _macro(average_precisions(scores_NC, labels_NC), "a positive row")


def aucs(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> Floats:
    """Area under the ROC curve of each class: the chance that a positive row outscores a negative one.

    Equal scores count one half (Hanley and McNeil, Radiology 1982).

    Returns:
        Float64, shape (C,), 0 to 1; NaN for a class without both positive and negative rows.

    Raises:
        ValueError: The arrays do not fit each other.
    """
    scores_NC, labels_NC = _checked(scores_NC, labels_NC)
    positives_C = labels_NC.sum(axis=0)
    pairs_C = positives_C * (len(labels_NC) - positives_C)
    rank_sum_C = np.where(labels_NC, rankdata(scores_NC, axis=0), 0.0).sum(axis=0)
    wins_C = rank_sum_C - positives_C * (positives_C + 1) / 2
    return _ratio(wins_C, pairs_C)


def macro_auc(scores_NC: npt.NDArray[Any], labels_NC: Labels) -> tuple[float, int]:
    """Mean AUC, each class alike, and the number of classes that it is over.

    Raises:
        ValueError: The arrays do not fit each other, or no class has both positive and negative rows.
    """
    return _macro(aucs(scores_NC, labels_NC), "both positive and negative rows")


def _ratio(parts_C: npt.NDArray[Any], wholes_C: npt.NDArray[Any]) -> Floats:
    """Elementwise quotient; NaN where the whole is 0."""
    quotient_C: Floats = np.full(len(parts_C), np.nan)
    np.divide(parts_C, wholes_C, out=quotient_C, where=wholes_C > 0)
    return quotient_C


def _macro(values_C: Floats, need: str) -> tuple[float, int]:
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
    return scores_NC.astype(np.float64), labels_NC
