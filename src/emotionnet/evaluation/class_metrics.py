"""Scores of single labels under weights: every unit has one label, and what counts is the class on top.

Of equal scores the first class counts as higher. Every function takes weights_NS and returns one score for
each column; a column of ones gives the score itself. Shape letters: N = units that have a label, C = classes,
S = resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.evaluation.metrics import Floats
from emotionnet.evaluation.resampling import weighted_means, weighted_sums

Singles = npt.NDArray[np.int64]

# A closed ring; Zhao et al. 2016, "Predicting personalized emotion perceptions of social images" (ACM MM).
WHEEL = ("fear", "excitement", "awe", "contentment", "amusement", "anger", "disgust", "sadness")
# Mikels et al. 2005 (see `emotions`); the other four are negative.
POSITIVE = ("amusement", "awe", "contentment", "excitement")


def accuracies(scores_NC: npt.NDArray[Any], single_N: Singles, weights_NS: Floats) -> Floats:
    """Share of units whose top class is their label; 0 to 1, shape (S,).

    Raises:
        ValueError: Shapes do not fit, there is no unit, or a label is none of the C classes.
    """
    return top_k_accuracies(scores_NC, single_N, weights_NS, k=1)


def top_k_accuracies(scores_NC: npt.NDArray[Any], single_N: Singles, weights_NS: Floats, *, k: int) -> Floats:
    """Share of units whose label is among their k top classes; 0 to 1, shape (S,); errors as `accuracies`."""
    _check(scores_NC, single_N, weights_NS)
    own_N = np.take_along_axis(scores_NC, single_N[:, None], axis=1)
    first_NC = np.arange(scores_NC.shape[1]) < single_N[:, None]
    above_N = ((scores_NC > own_N) | ((scores_NC == own_N) & first_NC)).sum(axis=1)
    return weighted_means(above_N < k, weights_NS)


def balanced_accuracies(scores_NC: npt.NDArray[Any], single_N: Singles, weights_NS: Floats) -> Floats:
    """Mean recall of the classes that have a unit (Brodersen et al., ICPR 2010); errors as `accuracies`."""
    hit_CS, _, true_CS = _confusion(scores_NC, single_N, weights_NS)
    present_C = true_CS.any(axis=1)
    recalls_S: Floats = (hit_CS[present_C] / true_CS[present_C]).mean(axis=0)
    return recalls_S


def macro_f1s(scores_NC: npt.NDArray[Any], single_N: Singles, weights_NS: Floats) -> Floats:
    """Mean F1 of the classes that have a unit: 2 hits over the units told to be in it and those that are.

    Classes without a unit are left out, as for macro mAP, whatever is told of them; errors as `accuracies`.
    """
    hit_CS, told_CS, true_CS = _confusion(scores_NC, single_N, weights_NS)
    present_C = true_CS.any(axis=1)
    f1s_S: Floats = (2 * hit_CS[present_C] / (told_CS[present_C] + true_CS[present_C])).mean(axis=0)
    return f1s_S


def polarity_accuracies(
    scores_NC: npt.NDArray[Any], single_N: Singles, weights_NS: Floats, *, names: Sequence[str]
) -> Floats:
    """Share of units whose top class is as positive or negative as their label (`POSITIVE`); 0 to 1.

    Raises:
        ValueError: As `accuracies`, or `names` are not Mikels' eight.
    """
    _check(scores_NC, single_N, weights_NS)
    _check_eight(names)
    positive_C = np.array([name in POSITIVE for name in names])
    return weighted_means(positive_C[scores_NC.argmax(axis=1)] == positive_C[single_N], weights_NS)


def wheel_distances(
    scores_NC: npt.NDArray[Any], single_N: Singles, weights_NS: Floats, *, names: Sequence[str]
) -> Floats:
    """Mean number of steps on Mikels' wheel from the top class to the label; 0 where right, at most 4.

    Zhao et al. 2016 count the same steps and add 1; a mean of theirs is thus larger by 1.

    Raises:
        ValueError: As `accuracies`, or `names` are not Mikels' eight.
    """
    _check(scores_NC, single_N, weights_NS)
    _check_eight(names)
    place_C = np.array([WHEEL.index(name) for name in names])
    apart_N = np.abs(place_C[scores_NC.argmax(axis=1)] - place_C[single_N])
    return weighted_means(np.minimum(apart_N, len(WHEEL) - apart_N), weights_NS)


def is_mikels_eight(names: Sequence[str]) -> bool:
    """Whether the classes are Mikels' eight, in any order."""
    return sorted(names) == sorted(WHEEL)


def _confusion(
    scores_NC: npt.NDArray[Any], single_N: Singles, weights_NS: Floats
) -> tuple[Floats, Floats, Floats]:
    """Weight of the units of each class that are hit, told to be in it, and in it; each of shape (C, S)."""
    _check(scores_NC, single_N, weights_NS)
    top_N, classes = scores_NC.argmax(axis=1), scores_NC.shape[1]
    hit_N = top_N == single_N
    return (
        weighted_sums(single_N[hit_N], classes, weights_NS[hit_N]),
        weighted_sums(top_N, classes, weights_NS),
        weighted_sums(single_N, classes, weights_NS),
    )


def _check(scores_NC: npt.NDArray[Any], single_N: Singles, weights_NS: Floats) -> None:
    if scores_NC.ndim != 2 or scores_NC.size == 0 or not len(scores_NC) == len(single_N) == len(weights_NS):
        shapes = f"{scores_NC.shape}, {single_N.shape} and {weights_NS.shape}"
        raise ValueError(f"scores, labels and weights must have the same rows, at least one; got {shapes}")
    if not np.isfinite(scores_NC).all():
        raise ValueError(f"scores must be finite; {int((~np.isfinite(scores_NC)).sum())} are not")
    if single_N.min() < 0 or single_N.max() >= scores_NC.shape[1]:
        found = f"{int(single_N.min())} to {int(single_N.max())}"
        raise ValueError(f"labels must be from 0 to {scores_NC.shape[1] - 1}; got {found}")


def _check_eight(names: Sequence[str]) -> None:
    if not is_mikels_eight(names):
        raise ValueError(f"classes must be {', '.join(sorted(WHEEL))}; got {', '.join(names)}")
