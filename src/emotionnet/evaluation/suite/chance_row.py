"""What stands in a suite's row 'chance'. Shape letters: U = units, C = classes."""

from __future__ import annotations

import numpy as np

from emotionnet.evaluation.chance import DRAWS, chance_average_precisions, chance_scores
from emotionnet.evaluation.distribution_metrics import DISTRIBUTION_METRICS
from emotionnet.evaluation.intervals import Resampled
from emotionnet.evaluation.score_list import TOP
from emotionnet.evaluation.score_parts import Sample, share_scores, single_scores
from emotionnet.evaluation.told import Told, Truth

SURE = {"accuracy": 1, "balanced_accuracy": 1, **{f"top{k}": k for k in TOP}}  # of C classes


def chance_score(key: str, truth: Truth, *, seed: int) -> float | None:
    """What chance reaches in one score.

    Of labels and single labels the mean over random scores, or its expectation where that is known; of
    distributions what all classes told alike get; of concordance 0, as values told at random have.

    Args:
        key: As `scores.resample` names scores.
        truth: What is known of the units.
        seed: Of the random scores.

    Returns:
        None where the truth has nothing to score, and for calibration and the error of dimensions, of which
        random scores say nothing.
    """
    name, _, part = key.partition(".")
    if name in ("macro_map", "auc", "hit_rate"):
        return chance_scores(truth.labels_UC, seed=seed).get(key) if truth.labels_UC.any() else None
    if name == "ap":
        return _average_precision(part, truth, seed=seed)
    if name in DISTRIBUTION_METRICS:
        alike_UC = np.full(truth.labels_UC.shape, 1 / truth.labels_UC.shape[1])
        found = share_scores(_sample(Told(None, alike_UC), truth), [key])
        return found[key].value if key in found else None
    if name == "ccc":
        return None if truth.dimensions_UK is None or np.isnan(truth.dimensions_UK).all() else 0.0
    return _single(key, truth, seed=seed)


def _average_precision(label: str, truth: Truth, *, seed: int) -> float | None:
    if label not in truth.names or not truth.labels_UC[:, truth.names.index(label)].any():
        return None
    own_U1 = truth.labels_UC[:, [truth.names.index(label)]]
    return float(chance_average_precisions(own_U1, seed=seed)[0])


def _single(key: str, truth: Truth, *, seed: int) -> float | None:
    """Of single labels, scores by the class on top."""
    rng = np.random.default_rng([seed % 2**63, 0])

    def drawn() -> Resampled | None:
        return single_scores(_sample(Told(rng.random(truth.labels_UC.shape), None), truth), [key]).get(key)

    if drawn() is None:
        return None
    if key in SURE:
        return SURE[key] / int(truth.labels_UC.shape[1])
    return float(np.mean([one.value for _ in range(DRAWS) if (one := drawn()) is not None]))


def _sample(told: Told, truth: Truth) -> Sample:
    return Sample(told, truth, np.ones((len(truth.labels_UC), 1)))
