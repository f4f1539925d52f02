"""The scores of `score_list`, resampled: those of labels, of single labels, of distributions, of dimensions.

Each function gives those of the wanted names that the units allow.
Shape letters: U = units, N = those of them that tell a score, C = classes, K = dimensions, S = resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from emotionnet.evaluation import class_metrics
from emotionnet.evaluation.calibration import calibration_errors
from emotionnet.evaluation.class_metrics import Singles, is_mikels_eight
from emotionnet.evaluation.dimension_metrics import concordances, root_mean_square_errors
from emotionnet.evaluation.distribution_metrics import DISTRIBUTION_METRICS, distributions, largest
from emotionnet.evaluation.intervals import (
    ClassScores,
    Kind,
    Resampled,
    class_scores,
    mean_of,
    resample_hit_rate,
)
from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.resampling import weighted_means
from emotionnet.evaluation.score_list import TOP
from emotionnet.evaluation.told import Told, Truth, count_groups


@dataclass(frozen=True)
class Sample:
    """Units with what is told and known of them, and their weights."""

    told: Told
    truth: Truth
    weights_US: Floats

    def rows(self, kept_U: Labels) -> Floats:
        """Weights of some of the units."""
        return self.weights_US if kept_U.all() else self.weights_US[kept_U]

    @property
    def ranks(self) -> Floats | None:
        """What orders the classes of each unit; shape (U, C)."""
        return self.told.probabilities_UC if self.told.scores_UC is None else self.told.scores_UC


_Weighted = Callable[[Floats], Floats]  # a score of each column of weights


def _resampled(
    score: _Weighted,
    weights_NS: Floats,
    counts: tuple[int, ...],
    kind: Kind,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Resampled:
    value = float(score(np.ones((len(weights_NS), 1)))[0])
    return Resampled(value, score(weights_NS), counts, kind=kind, bounds=bounds)


def label_scores(sample: Sample, wanted: Collection[str]) -> dict[str, Resampled]:
    """`macro_map`, `ap.<class>`, `auc` and `hit_rate`; none where no unit has a label."""
    truth, ranks_UC = sample.truth, sample.ranks
    if ranks_UC is None or not truth.labels_UC.any():
        return {}
    found: dict[str, Resampled] = {}
    if {"macro_map", "auc", "ap"}.intersection(wanted):
        classes = _by_group(class_scores(ranks_UC, truth.labels_UC, sample.weights_US), truth)
        pairs = zip(truth.names, classes.precisions, strict=False)  # no names, no scores by class
        found = {
            **{name: score for name, score in classes.means().items() if name in wanted},
            **{f"ap.{name}": one for name, one in pairs if one is not None and "ap" in wanted},
        }
    if "hit_rate" in wanted:
        found["hit_rate"] = _hit_rate(ranks_UC, truth.labels_UC, sample)
    return found


def _hit_rate(ranks_UC: Floats, labels_UC: Labels, sample: Sample) -> Resampled:
    rate = resample_hit_rate(ranks_UC, labels_UC, sample.weights_US)
    return replace(rate, counts=(count_groups(sample.truth, np.asarray(labels_UC.any(axis=1))),))


def _by_group(scores: ClassScores, truth: Truth) -> ClassScores:
    """The same scores, their spread told by as many independent positives as there are groups of them."""
    if truth.groups_U is None:
        return scores
    positives = [count_groups(truth, positive_U) for positive_U in truth.labels_UC.T]
    negatives = [count_groups(truth, ~positive_U) for positive_U in truth.labels_UC.T]
    return ClassScores(
        _counted(scores.precisions, positives),
        _counted(scores.aucs, [min(pair) for pair in zip(positives, negatives, strict=True)]),
    )


def _counted(column: tuple[Resampled | None, ...], counts: list[int]) -> tuple[Resampled | None, ...]:
    return tuple(
        None if one is None else replace(one, counts=(count,))
        for one, count in zip(column, counts, strict=True)
    )


def single_scores(sample: Sample, wanted: Collection[str]) -> dict[str, Resampled]:
    """Those of the class on top, over the units that have a single label."""
    truth, ranks_UC = sample.truth, sample.ranks
    if ranks_UC is None or truth.single_U is None or not (truth.single_U >= 0).any():
        return {}
    judged_U: Labels = truth.single_U >= 0
    single_N, weights_NS = truth.single_U[judged_U], sample.rows(judged_U)
    by_unit = (count_groups(truth, judged_U),)
    by_class = tuple(count_groups(truth, truth.single_U == number) for number in np.unique(single_N).tolist())
    counts = {"balanced_accuracy": by_class, "macro_f1": by_class}
    kinds: dict[str, Kind] = {"balanced_accuracy": "macro share", "macro_f1": "macro share"}
    bounds = {"wheel_distance": (0.0, len(class_metrics.WHEEL) / 2)}
    found = {
        name: _resampled(
            partial(score, ranks_UC[judged_U], single_N),
            weights_NS,
            counts.get(name, by_unit),
            kinds.get(name, "share"),
            bounds.get(name, (0.0, 1.0)),
        )
        for name, score in _single_functions(truth, ranks_UC.shape[1])
        if name in wanted
    }
    if sample.told.probabilities_UC is not None and "ece" in wanted:
        confidence_N, hit_N = _confidence(sample.told.probabilities_UC[judged_U], single_N)
        found["ece"] = _resampled(
            partial(calibration_errors, confidence_N, hit_N), weights_NS, by_unit, "mean"
        )
    return found


def _single_functions(truth: Truth, classes: int) -> Iterator[tuple[str, Callable[..., Floats]]]:
    yield "accuracy", class_metrics.accuracies
    yield "balanced_accuracy", class_metrics.balanced_accuracies
    yield "macro_f1", class_metrics.macro_f1s
    for k in TOP:
        if classes > k:
            yield f"top{k}", partial(class_metrics.top_k_accuracies, k=k)
    if is_mikels_eight(truth.names):
        yield "polarity_accuracy", partial(class_metrics.polarity_accuracies, names=truth.names)
        yield "wheel_distance", partial(class_metrics.wheel_distances, names=truth.names)


def _confidence(probabilities_NC: Floats, single_N: Singles) -> tuple[Floats, Labels]:
    """The top class's probability of each unit, and whether it is right."""
    top_N = probabilities_NC.argmax(axis=1)
    return probabilities_NC.max(axis=1), top_N == single_N


def share_scores(sample: Sample, wanted: Collection[str]) -> dict[str, Resampled]:
    """The measures of `distribution_metrics`, over the units that have a distribution."""
    shares_UC, probabilities_UC = sample.truth.shares_UC, sample.told.probabilities_UC
    names = [name for name in DISTRIBUTION_METRICS if name in wanted]
    if shares_UC is None or probabilities_UC is None or not names or not shares_UC.any():
        return {}
    known_U: Labels = np.asarray(shares_UC.any(axis=1))
    told_NC, true_NC = distributions(probabilities_UC[known_U]), distributions(shares_UC[known_U])
    weights_NS, counts = sample.rows(known_U), (count_groups(sample.truth, known_U),)
    return {
        name: _resampled(
            partial(weighted_means, DISTRIBUTION_METRICS[name](told_NC, true_NC)),
            weights_NS,
            counts,
            "mean",
            (0.0, largest(name, true_NC.shape[1])),
        )
        for name in names
    }


def dimension_scores(sample: Sample, wanted: Collection[str]) -> dict[str, Resampled]:
    """`ccc`, `rmse` and those of each dimension, over the units whose value is known."""
    truth, told_UK, true_UK = sample.truth, sample.told.dimensions_UK, sample.truth.dimensions_UK
    if told_UK is None or true_UK is None:
        return {}
    functions = (("ccc", concordances, (-1.0, 1.0)), ("rmse", root_mean_square_errors, (0.0, np.inf)))
    found: dict[str, Resampled] = {}
    for name, function, bounds in functions:
        parts = {}
        for column, dimension in enumerate(truth.dimension_names):
            known_U: Labels = ~np.isnan(true_UK[:, column])
            groups = count_groups(truth, known_U)
            if groups > 1 and name in wanted:
                score = partial(function, told_UK[known_U, column], true_UK[known_U, column])
                parts[f"{name}.{dimension}"] = _resampled(
                    score, sample.rows(known_U), (groups,), "mean", bounds
                )
        if parts:
            found |= {name: mean_of(list(parts.values())), **parts}
    return found
