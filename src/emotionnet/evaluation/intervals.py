"""95 % intervals of scores, and paired differences between two sets of predictions.

A score is resampled by weighting its groups (`resampling`). Resampled macro scores vary too little
when classes have few positives: the weights of P positives spread a mean over them by
(P - 1) / (P + 1) of what another sample of P would. Over classes with P_c positives each, the
spread is therefore widened by
    K^2 = sum_c 1 / P_c  /  sum_c (P_c - 1) / (P_c (P_c + 1)),
from the moments of the Dirichlet distribution, and the interval is the score +- 1.96 K sd. It is
centred on the score itself, since resampled average precisions do not lie around it. A single
share, that is one class by itself or a hit rate, has Wilson's interval (JASA 1927) for as many
independent trials as its spread tells, at least one and at most two for each positive: near 0
and 1, and for few positives, the score +- 1.96 sd is far too narrow. What all of them cover is the mean
score of test sets of this size; tests/evaluation/test_intervals.py holds them to that.

Scores that are no shares (distances, errors, concordances) have the score +- 1.96 K sd within their own
bounds. A mean of one share for each class, such as balanced accuracy, has Wilson's interval too, for
C^2 / sum_c 1 / P_c trials and up to twice as many: it is as uncertain as one share of so many. So has a mean
that is often at its bound, such as steps on a wheel, as a share of the way from one bound to the other.
Shape letters: G = groups, C = classes, S = resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from emotionnet.evaluation.metrics import Floats, Labels, hit_rate, precisions_and_aucs
from emotionnet.evaluation.resampling import weighted_class_scores, weighted_hit_rates

LEVEL = 0.95
REACH = float(norm.ppf((1 + LEVEL) / 2))  # standard deviations from the score to either end

ROUNDING = 1e-12

Kind = Literal["share", "macro share", "mean"]


@dataclass(frozen=True)
class Estimate:
    """A score with the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Estimate):
    """A paired difference; `p` is two-sided, below 0.05 exactly when the interval leaves 0 out."""

    p: float


@dataclass(frozen=True)
class Resampled:
    """A score, and the same score on S resamples of its groups.

    `counts` are the numbers of groups that it is a mean over: the positives of each class for macro
    mAP, those or the negatives, whichever are fewer, for AUC, the labelled groups for a hit rate.
    `repeats` are the parts of a mean over seeds, see `mean_of_repeats`. `kind` says which interval it has:
    "share" Wilson's where it has a single count, "macro share" Wilson's always, "mean" never (top of this
    file); `bounds` are the lowest and highest value that the score can have.
    """

    value: float
    replicates: Floats
    counts: tuple[int, ...]
    repeats: tuple[Resampled, ...] = ()
    kind: Kind = "share"
    bounds: tuple[float, float] = (0.0, 1.0)

    @property
    def deviation(self) -> float:
        """Standard deviation over test sets of this size; infinite when no class has 2 positives."""
        if self.repeats:
            return float(np.mean([one.deviation for one in self.repeats]))
        counts = np.array(self.counts, dtype=np.float64)
        shown = ((counts - 1) / (counts * (counts + 1))).sum()
        if shown == 0:
            return np.inf
        return float(self.replicates.std() * np.sqrt((1 / counts).sum() / shown))

    def estimate(self) -> Estimate:
        """The score with its interval, within its bounds; all of them where nothing tells its spread."""
        lowest, highest = self.bounds
        if self.kind == "macro share" or (self.kind == "share" and len(self.counts) == 1):
            low, high = _wilson(self._share, self._trials())
            return Estimate(self.value, lowest + low * (highest - lowest), lowest + high * (highest - lowest))
        reach = REACH * self.deviation
        return Estimate(self.value, max(lowest, self.value - reach), min(highest, self.value + reach))

    def minus(self, other: Resampled) -> Difference:
        """The paired difference to another set of predictions for the same groups and labels.

        Raises:
            ValueError: The other score is over other classes, groups or resamples, or of another kind.
        """
        if self.counts != other.counts or len(self.replicates) != len(other.replicates):
            raise ValueError("paired scores must be over the same groups, classes and resamples")
        if (self.kind, self.bounds) != (other.kind, other.bounds):
            raise ValueError("paired scores must be of one kind with the same bounds")
        paired = self._paired(other)
        value, deviation = paired.value, paired.deviation
        if deviation < ROUNDING:
            if abs(value) < ROUNDING:  # equal predictions, or equal in all that the score sees
                return Difference(0.0, 0.0, 0.0, p=1.0)
            deviation = np.inf  # no resample differs: nothing tells how far another sample would
        widest, reach = self.bounds[1] - self.bounds[0], REACH * deviation
        low, high = max(-widest, value - reach), min(widest, value + reach)
        return Difference(value, low, high, p=2 * float(norm.sf(abs(value) / deviation)))

    def _paired(self, other: Resampled) -> Resampled:
        pairs = zip(self.repeats, other.repeats, strict=True)
        return Resampled(
            self.value - other.value,
            self.replicates - other.replicates,
            self.counts,
            tuple(mine._paired(yours) for mine, yours in pairs),
            self.kind,
            self.bounds,
        )

    @property
    def _share(self) -> float:
        """How far the score is on the way from its lowest to its highest value."""
        lowest, highest = self.bounds
        return (self.value - lowest) / (highest - lowest)

    def _trials(self) -> float:
        """Of how many independent trials a share would have this spread."""
        many = len(self.counts) > 1
        count = len(self.counts) ** 2 / sum(1 / one for one in self.counts) if many else self.counts[0]
        spread = self.deviation / (self.bounds[1] - self.bounds[0])
        told = self._share * (1 - self._share) / spread**2 if 0 < spread < np.inf else 0.0
        return float(np.clip(told, count, 2 * count))


def _wilson(share: float, trials: float) -> tuple[float, float]:
    """The shares that lie REACH standard deviations of their own from what was seen."""
    square = REACH**2 / trials
    centre, reach = share + square / 2, np.sqrt(square * share * (1 - share) + square**2 / 4)
    low, high = (centre - reach) / (1 + square), (centre + reach) / (1 + square)
    return float(max(0.0, min(low, share))), float(min(1.0, max(high, share)))  # rounding at 0 and 1


def mean_of_repeats(parts: Sequence[Resampled]) -> Resampled:
    """The mean of scores of the same groups, dealt into other folds each time, under the same weights.

    Its spread is taken to be that of one repeat, on average. That of the mean is smaller, but the
    widening above does not hold for it: a group meets other groups in each deal.
    """
    mean = mean_of(parts)
    return replace(mean, repeats=tuple(parts))


def mean_of(parts: Sequence[Resampled]) -> Resampled:
    """The mean of scores of different classes, or of different groups (folds)."""
    return Resampled(
        value=float(np.mean([part.value for part in parts])),
        replicates=np.mean([part.replicates for part in parts], axis=0),
        counts=tuple(count for part in parts for count in part.counts),
        kind=parts[0].kind,
        bounds=parts[0].bounds,
    )


def resample_scores(
    scores_GC: npt.NDArray[Any], labels_GC: Labels, weights_GS: Floats
) -> dict[str, Resampled]:
    """`macro_map`, `auc` and `hit_rate` of predictions; `auc` only where a class has both sides.

    The classes are those that have a positive group, in every resample.

    Args:
        scores_GC: The larger the likelier; shape (G, C).
        labels_GC: Boolean, shape (G, C).
        weights_GS: As `resampling.draw_weights` gives them; the same ones make scores pairs.

    Raises:
        ValueError: Shapes do not fit, or no group has a label.
    """
    means = class_scores(scores_GC, labels_GC, weights_GS).means()
    return {**means, "hit_rate": resample_hit_rate(scores_GC, labels_GC, weights_GS)}


def resample_hit_rate(scores_GC: npt.NDArray[Any], labels_GC: Labels, weights_GS: Floats) -> Resampled:
    """The hit rate of predictions; arguments and errors as `resample_scores`."""
    return Resampled(
        value=hit_rate(scores_GC, labels_GC),
        replicates=weighted_hit_rates(scores_GC, labels_GC, weights_GS),
        counts=(int(labels_GC.any(axis=1).sum()),),
    )


@dataclass(frozen=True)
class ClassScores:
    """Average precision and AUC of each class, None where it has none."""

    precisions: tuple[Resampled | None, ...]
    aucs: tuple[Resampled | None, ...]

    def means(self) -> dict[str, Resampled]:
        """`macro_map`, and `auc` where a class has both sides: means over the classes that have them."""
        return {
            name: mean_of([one for one in column if one is not None])
            for name, column in (("macro_map", self.precisions), ("auc", self.aucs))
            if any(one is not None for one in column)
        }


def class_scores(scores_GC: npt.NDArray[Any], labels_GC: Labels, weights_GS: Floats) -> ClassScores:
    """Every class by itself; arguments and errors as `resample_scores`."""
    if len(weights_GS) != len(labels_GC):
        raise ValueError(f"every group must have weights; got {len(weights_GS)} for {len(labels_GC)} groups")
    exact = precisions_and_aucs(scores_GC, labels_GC)
    drawn = weighted_class_scores(scores_GC, labels_GC, weights_GS)
    positives_C = labels_GC.sum(axis=0)
    rarer_C = np.minimum(positives_C, len(labels_GC) - positives_C)  # an AUC is a mean over either side
    precisions, areas = (
        tuple(
            None if np.isnan(value) else Resampled(float(value), replicates_S, (int(count),))
            for value, replicates_S, count in zip(values_C, replicates_SC.T, counts_C, strict=True)
        )
        for values_C, replicates_SC, counts_C in zip(exact, drawn, (positives_C, rarer_C), strict=True)
    )
    return ClassScores(precisions, areas)


def flat(samples: Mapping[str, Resampled]) -> dict[str, float]:
    """Scores as flat keys: `macro_map`, `macro_map_ci_low`, `macro_map_ci_high` and so on."""
    values: dict[str, float] = {}
    for name, sample in samples.items():
        values |= flat_estimate(name, sample.estimate())
    return values


def flat_estimate(name: str, found: Estimate) -> dict[str, float]:
    """One estimate as flat keys; a difference has `<name>_p` too."""
    values = {name: found.value, f"{name}_ci_low": found.low, f"{name}_ci_high": found.high}
    if isinstance(found, Difference):
        values[f"{name}_p"] = found.p
    return values
