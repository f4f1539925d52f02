"""How well told valence, arousal and the like agree with people's: concordance and error, under weights.

Shape letters: N = units whose true value is known, S = resamples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.evaluation.metrics import Floats
from emotionnet.evaluation.resampling import weighted_means


def concordances(told_N: npt.NDArray[Any], true_N: npt.NDArray[Any], weights_NS: Floats) -> Floats:
    """Concordance correlation coefficient 2 s_xy / (s_x^2 + s_y^2 + (mean x - mean y)^2).

    Lin 1989, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45, with
    variances over N. It is 0 where either side does not vary.

    Args:
        told_N: Any finite numbers in the unit of the true ones; shape (N,).
        true_N: Finite; shape (N,).
        weights_NS: At least 0; a column of ones gives the score itself.

    Returns:
        -1 to 1, shape (S,).

    Raises:
        ValueError: Shapes do not fit, there is no unit, or a number is not finite.
    """
    told_N, true_N = _checked(told_N, true_N, weights_NS)
    if np.ptp(told_N) == 0 or np.ptp(true_N) == 0:
        return np.zeros(weights_NS.shape[1])
    told_N, true_N = told_N - true_N.mean(), true_N - true_N.mean()
    told_S, true_S = weighted_means(told_N, weights_NS), weighted_means(true_N, weights_NS)
    shared_S = weighted_means(told_N * true_N, weights_NS) - told_S * true_S
    spread_S = weighted_means(told_N**2 + true_N**2, weights_NS) - told_S**2 - true_S**2
    found_S: Floats = 2 * shared_S / (spread_S + (told_S - true_S) ** 2)
    return found_S


def root_mean_square_errors(told_N: npt.NDArray[Any], true_N: npt.NDArray[Any], weights_NS: Floats) -> Floats:
    """Square root of the mean squared error, in the unit of the numbers; at least 0, shape (S,).

    Arguments and errors as `concordances`.
    """
    told_N, true_N = _checked(told_N, true_N, weights_NS)
    errors_S: Floats = np.sqrt(weighted_means((told_N - true_N) ** 2, weights_NS))
    return errors_S


def _checked(told_N: npt.NDArray[Any], true_N: npt.NDArray[Any], weights_NS: Floats) -> tuple[Floats, Floats]:
    if told_N.ndim != 1 or told_N.shape != true_N.shape or not 0 < len(told_N) == len(weights_NS):
        shapes = f"{told_N.shape}, {true_N.shape} and {weights_NS.shape}"
        raise ValueError(f"told, true and weights must have the same rows, at least one; got {shapes}")
    if not (np.isfinite(told_N).all() and np.isfinite(true_N).all()):
        raise ValueError("told and true values must be finite; leave units out whose value is not known")
    return told_N.astype(np.float64), true_N.astype(np.float64)
