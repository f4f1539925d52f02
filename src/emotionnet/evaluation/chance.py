"""What random scores reach: drawn, since average precision of a rare class is above its share of positives.

Shape letters: G = groups, C = classes, S = draws.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from emotionnet.evaluation.metrics import (
    Floats,
    Labels,
    average_precisions,
    hit_rate,
    mean_of_classes,
    precisions_and_aucs,
)

DRAWS = 1_000


def chance_scores(labels_GC: Labels, *, seed: int, draws: int = DRAWS) -> dict[str, float]:
    """Mean `macro_map`, `hit_rate` and, where a class has both sides, `auc` of random scores.

    Of macro mAP the 95th percentile too, as `macro_map_p95`.
    """
    drawn = [_scores(random_GC, labels_GC) for random_GC in _draw(labels_GC, seed, draws)]
    columns = {key: np.array([one[key] for one in drawn]) for key in drawn[0]}
    means = {key: float(column_S.mean()) for key, column_S in columns.items()}
    return means | {"macro_map_p95": float(np.quantile(columns["macro_map"], 0.95))}


def chance_average_precisions(labels_GC: Labels, *, seed: int, draws: int = DRAWS) -> Floats:
    """Mean average precision of random scores for each class; shape (C,), NaN without positives."""
    drawn_SC = [average_precisions(random_GC, labels_GC) for random_GC in _draw(labels_GC, seed, draws)]
    mean_C: Floats = np.mean(drawn_SC, axis=0)
    return mean_C


def permutation_p(score: float, drawn_S: Floats) -> float:
    """Share of draws as good as a score, which counts as one of them (Phipson and Smyth, SAGMB 2010)."""
    return (1 + int((drawn_S >= score).sum())) / (1 + len(drawn_S))


def _draw(labels_GC: Labels, seed: int, draws: int) -> Iterator[Floats]:
    rng = np.random.default_rng([seed % 2**63, 0])
    return (rng.random(labels_GC.shape) for _ in range(draws))


def _scores(random_GC: Floats, labels_GC: Labels) -> dict[str, float]:
    precisions_C, aucs_C = precisions_and_aucs(random_GC, labels_GC)
    macro_map, _ = mean_of_classes(precisions_C, "a positive row")
    scores = {"macro_map": macro_map, "hit_rate": hit_rate(random_GC, labels_GC)}
    return scores if np.isnan(aucs_C).all() else scores | {"auc": float(np.nanmean(aucs_C))}
