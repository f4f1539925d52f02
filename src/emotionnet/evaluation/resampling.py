"""Scores under weights: what a score would be if each group counted as often as its weight says.

The Bayesian bootstrap (Rubin, Annals of Statistics 1981) draws such weights; no group ever gets
none, so that no class loses its last positive. Shape letters: G = groups, C = classes,
S = resamples, P = positive groups of one class, K = steps (different scores) that hold a positive.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from emotionnet.evaluation.metrics import Floats, Labels

RESAMPLES = 1_000
AT_ONCE = 32  # resamples: what is worked on stays within the cache


def draw_weights(groups: int, *, seed: int, resamples: int = RESAMPLES) -> Floats:
    """Weights of a Bayesian bootstrap: exponential with mean 1, that is, Dirichlet but for their sum.

    Returns:
        Float64, above 0, shape (G, S).
    """
    return np.random.default_rng([seed % 2**63, 2]).standard_exponential((groups, resamples))


def weighted_class_scores(
    scores_GC: npt.NDArray[Any], labels_GC: Labels, weights_GS: Floats
) -> tuple[Floats, Floats]:
    """Average precision and AUC of each class under each set of weights.

    Precision at a positive group counts the groups above it by their weights and itself
    once, as it counts in every sample that it is in: with its own weight, a rare class's average
    precision would rise and jitter for no reason in the data. With all weights 1 both are exactly
    those of `metrics`. Weights may have any common scale close to mean 1.

    Only sums between positives are needed, so that a class takes one product of a sparse matrix
    with the weights, not a sort of every resample.

    Args:
        scores_GC: The larger the likelier; shape (G, C).
        labels_GC: Boolean, shape (G, C).
        weights_GS: Above 0, shape (G, S).

    Returns:
        Two arrays of shape (S, C); NaN where a class has no positive (for AUC: or no negative) group.
    """
    shape = (weights_GS.shape[1], labels_GC.shape[1])
    precisions_SC, aucs_SC = np.full(shape, np.nan), np.full(shape, np.nan)
    starts = range(0, shape[0], AT_ONCE)
    blocks = [np.ascontiguousarray(weights_GS[:, start : start + AT_ONCE]) for start in starts]

    def fill(column: int) -> None:
        ordered = _Order(np.asarray(scores_GC[:, column]), labels_GC[:, column])
        for start, some_GS in zip(starts, blocks, strict=True):
            part = slice(start, start + AT_ONCE)
            precisions_SC[part, column], aucs_SC[part, column] = ordered.scores(some_GS)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, np.flatnonzero(labels_GC.any(axis=0)).tolist()))
    return precisions_SC, aucs_SC


def weighted_hit_rates(scores_GC: npt.NDArray[Any], labels_GC: Labels, weights_GS: Floats) -> Floats:
    """Share, by weight, of labelled groups whose top class is one of their labels; shape (S,)."""
    labelled_G = labels_GC.any(axis=1)
    hits_G = labels_GC[np.arange(len(labels_GC)), scores_GC.argmax(axis=1)] & labelled_G
    rates_S: Floats = (hits_G @ weights_GS) / (labelled_G @ weights_GS)
    return rates_S


def weighted_means(values_G: npt.NDArray[Any], weights_GS: Floats) -> Floats:
    """Mean of a number of each group, by weight; shape (S,)."""
    means_S: Floats = (values_G.astype(np.float64) @ weights_GS) / (np.ones(len(values_G)) @ weights_GS)
    return means_S


def weighted_sums(
    parts_G: npt.NDArray[np.integer], count: int, weights_GS: Floats, *, values_G: Floats | None = None
) -> Floats:
    """Weight of each part, or the sum of its values by weight; shape (count, S).

    Args:
        parts_G: The part of each group, 0 to count - 1.
        count: How many parts there are; those without a group weigh nothing.
        weights_GS: As `draw_weights` gives them.
        values_G: A number of each group; None: 1.
    """
    sums_KS: Floats = _picker(parts_G, count, values_G) @ weights_GS
    return sums_KS


class _Order:
    """The order of one class's groups, as far as positives see it, ready for any weights.

    Part 2k holds the groups between positive steps k - 1 and k, part 2k + 1 those of step k itself.
    Positives are taken in the order of their steps, so that in most classes, where no two
    positives are level, a step is a positive and nothing need be gathered.
    """

    def __init__(self, scores_G: npt.NDArray[Any], positive_G: npt.NDArray[np.bool_]) -> None:
        ranks_G = np.unique(-scores_G, return_inverse=True)[1]
        self._positives = np.flatnonzero(positive_G)
        self._positives = self._positives[np.argsort(ranks_G[self._positives], kind="stable")]
        steps_K, self._step_P = np.unique(ranks_G[self._positives], return_inverse=True)
        parts_G = 2 * np.searchsorted(steps_K, ranks_G) + np.isin(ranks_G, steps_K)
        self._parts = _picker(parts_G, 2 * len(steps_K) + 1)
        self._steps = _picker(self._step_P, len(steps_K)) if len(steps_K) < len(self._step_P) else None
        self._all_positive = bool(positive_G.all())

    def scores(self, weights_GS: Floats) -> tuple[Floats, Floats]:
        """Average precision and AUC, each of shape (S,); AUC is NaN without a negative group."""
        sums_S = np.cumsum(self._parts @ weights_GS, axis=0)
        before_KS, through_KS, all_S = sums_S[:-1:2], sums_S[1::2], sums_S[-1]
        own_PS = weights_GS[self._positives]
        step_KS = own_PS if self._steps is None else self._steps @ own_PS
        found_KS = np.cumsum(step_KS, axis=0)
        positives_S = found_KS[-1]
        others_PS, above_PS = self._spread(found_KS) - own_PS, self._spread(through_KS) - own_PS
        others_PS += 1
        above_PS += 1
        others_PS /= above_PS
        precisions_S = np.einsum("ps,ps->s", own_PS, others_PS) / positives_S
        if self._all_positive:
            return precisions_S, np.full(len(positives_S), np.nan)
        negatives_KS = through_KS + before_KS  # above a step, and half of those level with it
        negatives_KS += step_KS
        negatives_KS /= 2
        negatives_KS -= found_KS
        losses_S = np.einsum("ks,ks->s", step_KS, negatives_KS) / positives_S
        return precisions_S, 1 - losses_S / (all_S - positives_S)

    def _spread(self, values_KS: Floats) -> Floats:
        """The value of each positive's step; shape (P, S)."""
        return values_KS if self._steps is None else values_KS[self._step_P]


def _picker(parts: npt.NDArray[np.integer], count: int, values: Floats | None = None) -> sparse.csr_array:
    """A matrix whose product with weights sums those of each part; shape (count, number of weights)."""
    places = (parts, np.arange(len(parts)))
    entries = np.ones(len(parts)) if values is None else values
    return sparse.csr_array((entries, places), shape=(count, len(parts)))
