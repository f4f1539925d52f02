"""Accuracy, where pictures have a single label. Shape letters: N = pictures, G = groups, C = classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.data.benchmarks.catalogue import BENCHMARKS
from emotionnet.data.se30k8 import EMOTIONS, label_of_counts
from emotionnet.data.store import Dataset
from emotionnet.evaluation.intervals import Resampled, resample_hit_rate
from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.units import Split, pool_labels, pool_scores


def one_hot_labels(dataset: Dataset, split: Split, emotions: Sequence[str]) -> Labels | None:
    """Each picture's single label as a row; a row without one where it has none.

    SE30K8's votes follow its rule: the emotion with most votes, if it has at least 3. Of another benchmark's
    votes or shares the largest is the label, unless two are equal. Elsewhere a data set has single labels
    where every picture has exactly one.

    Args:
        dataset: The data set.
        split: One of its splits.
        emotions: The order of the columns.

    Returns:
        Boolean, shape (N, C), or None where the data set has no single labels.
    """
    names = dataset.emotion_names
    weighted = any(record.label_weights for record in split.records)
    of_counts = label_of_counts if sorted(names) == sorted(EMOTIONS) else most_votes
    voted = weighted and (of_counts is label_of_counts or dataset.info.get("format") in BENCHMARKS)
    if not voted and not all(len(record.labels) == 1 for record in split.records):
        return None
    rows_NC = np.zeros((len(split.records), len(emotions)), dtype=np.bool_)
    for row, record in enumerate(split.records):
        if voted and record.label_weights:
            label = of_counts(dict(zip(record.labels, record.label_weights, strict=True)))
        else:
            label = record.labels[0] if record.labels else None
        if label is not None:
            rows_NC[row, emotions.index(names[label])] = True
    return rows_NC if rows_NC.any() else None


def resample_accuracy(
    scores_NC: npt.NDArray[Any], labels_NC: Labels, groups: Sequence[str], weights_GS: npt.NDArray[np.float64]
) -> Resampled:
    """Share of the groups with a single label whose top class it is (one of them, where pictures differ).

    Args:
        scores_NC: Scores or probabilities of the pictures; shape (N, C).
        labels_NC: As `one_hot_labels` gives them.
        groups: The group of each picture.
        weights_GS: Of all groups, those without a single label too.
    """
    pooled_GC, labels_GC = pool_scores(scores_NC, groups), pool_labels(labels_NC, groups)
    labelled_G = labels_GC.any(axis=1)
    return resample_hit_rate(pooled_GC[labelled_G], labels_GC[labelled_G], weights_GS[labelled_G])


def most_votes(counts: Mapping[int, float]) -> int | None:
    """The label with most votes, or the largest share; None where two have as many, or there is none.

    Example:
        >>> most_votes({3: 0.5, 1: 0.2}), most_votes({3: 2, 1: 2})
        (3, None)
    """
    ranked = sorted(counts.values(), reverse=True)
    if not ranked or ranked[0] <= 0 or ranked[:2] == ranked[:1] * 2:
        return None
    return max(counts, key=lambda label: counts[label])
