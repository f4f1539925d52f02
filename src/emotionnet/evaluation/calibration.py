"""Whether probabilities are as often right as they say, and the temperature that makes them so.

After Guo et al. 2017, "On calibration of modern neural networks" (ICML).
Shape letters: N = units, C = classes, B = bins, S = resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.resampling import weighted_sums

BINS = 15
COLDEST, HOTTEST = 0.01, 100.0  # temperatures that are tried

Activation = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class Bin:
    """One row of the reliability table: units whose confidence is above `low` and at most `high`.

    `confidence` and `accuracy` are means over the bin's `count` units, None where it has none.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


def calibration_errors(confidences_N: Floats, hits_N: Labels, weights_NS: Floats) -> Floats:
    """Expected calibration error: the mean over units of |accuracy - confidence| of their bin.

    15 bins of equal width, each with its upper edge (Guo et al., section 2, equation 3).

    Args:
        confidences_N: Probability told for what was chosen, such as of the top class; 0 to 1.
        hits_N: Whether that was right.
        weights_NS: At least 0; a column of ones gives the score itself.

    Returns:
        0 to 1, shape (S,).

    Raises:
        ValueError: Shapes do not fit, there is no unit, or a confidence is not from 0 to 1.
    """
    bins_N = _bins(confidences_N, hits_N)
    gaps_BS = weighted_sums(bins_N, BINS, weights_NS, values_G=hits_N - confidences_N)
    errors_S: Floats = np.abs(gaps_BS).sum(axis=0) / weights_NS.sum(axis=0)
    return errors_S


def reliability(confidences_N: Floats, hits_N: Labels) -> tuple[Bin, ...]:
    """The 15 bins of `calibration_errors`, lowest first: what a reliability diagram draws.

    For labels of which a unit may have several, give every class of every unit as its own row.
    """
    bins_N = _bins(confidences_N, hits_N)
    rows = []
    for number, (low, high) in enumerate(pairwise(_edges().tolist())):
        within_N = bins_N == number
        count = int(within_N.sum())
        told = float(confidences_N[within_N].mean()) if count else None
        rows.append(Bin(low, high, count, told, float(hits_N[within_N].mean()) if count else None))
    return tuple(rows)


def fit_temperature(
    logits_NC: npt.NDArray[Any], targets_NC: npt.NDArray[Any], activation: Activation
) -> float:
    """The temperature that makes the cross-entropy of validation units least (Guo et al., section 4.2).

    Logits are divided by it. With "sigmoid" the cross-entropy is binary, each class by itself. The order of
    the classes never changes. Where all units are told right, no temperature is cold enough: it is then the
    coldest that is tried, 0.01 (the hottest is 100).

    Args:
        logits_NC: Scores before softmax or sigmoid, of units that nothing else was fitted on.
        targets_NC: Labels as 0 and 1 or as shares; with "softmax", rows sum to 1, or to 0: left out.
        activation: What makes probabilities of them.

    Raises:
        ValueError: Shapes do not fit, a number is not finite, or no unit has a target.
    """
    logits_NC, targets_NC = _checked_targets(logits_NC, targets_NC, activation)

    def loss(log_temperature: float) -> float:
        scaled_NC = logits_NC / np.exp(log_temperature)
        if activation == "softmax":
            return float(-(targets_NC * log_softmax(scaled_NC, axis=1)).sum(axis=1).mean())
        return float(-(targets_NC * log_expit(scaled_NC) + (1 - targets_NC) * log_expit(-scaled_NC)).mean())

    ends = (np.log(COLDEST), np.log(HOTTEST))
    best = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-9})
    return float(np.exp(min((ends[0], best.x, ends[1]), key=loss)))  # the search never tries its ends


def _edges() -> Floats:
    return np.linspace(0.0, 1.0, BINS + 1)


def _bins(confidences_N: Floats, hits_N: Labels) -> npt.NDArray[np.intp]:
    """The bin of each unit; a confidence of 0 belongs to the first."""
    if confidences_N.ndim != 1 or confidences_N.shape != hits_N.shape or not len(hits_N):
        shapes = f"{confidences_N.shape} and {hits_N.shape}"
        raise ValueError(f"confidences and hits must have one shape (N,), N above 0; got {shapes}")
    if not ((confidences_N >= 0) & (confidences_N <= 1)).all():
        raise ValueError(
            f"confidences must be from 0 to 1; got {confidences_N.min():g} to {confidences_N.max():g}"
        )
    return np.maximum(np.searchsorted(_edges(), confidences_N, side="left") - 1, 0)


def _checked_targets(
    logits_NC: npt.NDArray[Any], targets_NC: npt.NDArray[Any], activation: Activation
) -> tuple[Floats, Floats]:
    if logits_NC.ndim != 2 or logits_NC.shape != targets_NC.shape:
        raise ValueError(
            f"logits and targets must have one (N, C) shape; got {logits_NC.shape} and {targets_NC.shape}"
        )
    if not (np.isfinite(logits_NC).all() and np.isfinite(targets_NC).all()):
        raise ValueError("logits and targets must be finite")
    kept_N = targets_NC.any(axis=1) if activation == "softmax" else np.ones(len(targets_NC), dtype=np.bool_)
    if not kept_N.any():
        raise ValueError("a temperature needs at least one unit with a target; there is none")
    return logits_NC[kept_N].astype(np.float64), targets_NC[kept_N].astype(np.float64)
