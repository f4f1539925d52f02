"""How far told distributions over classes lie from true ones: label distribution learning.

The six measures of Geng 2016, "Label distribution learning" (IEEE TKDE 28), section 4, that Yang et al.
2017, "Joint image emotion classification and distribution learning via deep convolutional neural network"
(IJCAI) report too; none is divided by the number of classes. Every function takes two arrays of shape (N, C)
whose rows sum to 1 (`distributions`) and returns one number for each row.
Shape letters: N = units, C = classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.evaluation.metrics import Floats

FLOOR = 1e-7  # a told share below it counts as it, else a single 0 would make the divergence infinite


def distributions(values_NC: npt.NDArray[Any]) -> Floats:
    """Rows divided by their sums, as sigmoid outputs need; a row of zeros tells all classes alike.

    Raises:
        ValueError: Values are not finite or below 0, or there is no row.
    """
    if values_NC.ndim != 2 or values_NC.size == 0:
        raise ValueError(f"distributions must have shape (N, C) without a 0; got {values_NC.shape}")
    if not (np.isfinite(values_NC).all() and (values_NC >= 0).all()):
        raise ValueError("distributions must be finite and at least 0")
    rows_NC = values_NC.astype(np.float64)
    rows_NC[~rows_NC.any(axis=1)] = 1.0
    shares_NC: Floats = rows_NC / rows_NC.sum(axis=1, keepdims=True)
    return shares_NC


def kl_divergences(told_NC: Floats, true_NC: Floats) -> Floats:
    """Kullback-Leibler divergence sum d ln(d / p) of the told p from the true d; at least 0 nats.

    Where d is 0 the term is 0; p below `FLOOR` counts as `FLOOR`.
    """
    given_NC = true_NC > 0
    logs_NC = np.log(np.where(given_NC, true_NC, 1.0)) - np.log(np.maximum(told_NC, FLOOR))
    sums_N: Floats = (true_NC * logs_NC).sum(axis=1)
    return sums_N


def chebyshev_distances(told_NC: Floats, true_NC: Floats) -> Floats:
    """Largest difference of any class, max |d - p|; 0 to 1."""
    largest_N: Floats = np.abs(told_NC - true_NC).max(axis=1)
    return largest_N


def clark_distances(told_NC: Floats, true_NC: Floats) -> Floats:
    """Clark distance sqrt(sum (d - p)^2 / (d + p)^2); 0 to sqrt(C); a class that neither gives adds 0."""
    roots_N: Floats = np.sqrt((_relative(told_NC, true_NC) ** 2).sum(axis=1))
    return roots_N


def canberra_distances(told_NC: Floats, true_NC: Floats) -> Floats:
    """Canberra distance sum |d - p| / (d + p); 0 to C; a class that neither gives adds 0."""
    sums_N: Floats = _relative(told_NC, true_NC).sum(axis=1)
    return sums_N


def cosine_similarities(told_NC: Floats, true_NC: Floats) -> Floats:
    """Cosine of the two rows; 0 to 1."""
    lengths_N = np.linalg.norm(told_NC, axis=1) * np.linalg.norm(true_NC, axis=1)
    cosines_N: Floats = (told_NC * true_NC).sum(axis=1) / lengths_N
    return cosines_N


def intersections(told_NC: Floats, true_NC: Floats) -> Floats:
    """What both share, sum min(d, p); 0 to 1."""
    shared_N: Floats = np.minimum(told_NC, true_NC).sum(axis=1)
    return shared_N


DISTRIBUTION_METRICS: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "kl": kl_divergences,
    "chebyshev": chebyshev_distances,
    "clark": clark_distances,
    "canberra": canberra_distances,
    "cosine": cosine_similarities,
    "intersection": intersections,
}


def largest(name: str, classes: int) -> float:
    """The largest value that a measure of `DISTRIBUTION_METRICS` can have; the smallest is 0."""
    return {"kl": -math.log(FLOOR), "clark": math.sqrt(classes), "canberra": float(classes)}.get(name, 1.0)


def _relative(told_NC: Floats, true_NC: Floats) -> Floats:
    sums_NC = told_NC + true_NC
    parts_NC: Floats = np.abs(told_NC - true_NC) / np.where(sums_NC > 0, sums_NC, 1.0)
    return parts_NC
