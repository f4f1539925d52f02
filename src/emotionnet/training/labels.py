"""What records know, as rows to compare outputs with.

Shape letters: M = records, C = emotions, K = dimensions such as valence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from emotionnet.losses import NO_LABEL, label_distribution
from emotionnet.records import DataError, ImageRecord


def label_distributions(records: Sequence[ImageRecord], n_emotions: int) -> Tensor:
    """Each record's labels as a distribution (Wei et al., CVPR 2020, section 4: soft labels).

    Weights, such as votes, are divided by their sum, and weights that are all zero stay so. Without
    weights each of k labels gets 1/k; as in the released code, a label that stands twice is set once but
    counted in k, so that such a row sums to less than 1.

    Returns:
        Float32, shape (M, C).
    """
    rows_MC = torch.zeros(len(records), n_emotions)
    for row, record in enumerate(records):
        if record.label_weights:
            places = torch.tensor(record.labels)
            rows_MC[row].index_add_(0, places, torch.tensor(record.label_weights, dtype=torch.float32))
        elif record.labels:
            rows_MC[row, list(record.labels)] = 1 / len(record.labels)
    weighted = [row for row, record in enumerate(records) if record.label_weights]
    rows_MC[weighted] = label_distribution(rows_MC[weighted])
    return rows_MC


def multi_hot(records: Sequence[ImageRecord], n_emotions: int) -> Tensor:
    """One where a record has a label whose weight, if any, is above 0; float32, shape (M, C)."""
    rows_MC = torch.zeros(len(records), n_emotions)
    for row, record in enumerate(records):
        rows_MC[row, list(record.given_labels)] = 1.0
    return rows_MC


def single_labels(records: Sequence[ImageRecord]) -> Tensor:
    """Each record's first label, or -1 where it has none; int64, shape (M,)."""
    return torch.tensor([record.labels[0] if record.labels else NO_LABEL for record in records])


def balanced_weights(labels_MC: Tensor) -> Tensor:
    """A weight for each emotion, the higher the rarer: labels / (emotions that occur * labels of this one).

    Those of scikit-learn's `compute_class_weight("balanced")`, with shares of a label counted as such. The
    mean weight over all labels is 1. An emotion that no record has weighs 1.

    Args:
        labels_MC: Labels of the training records, one-hot, multi-hot or distributions; float, at least 0.

    Returns:
        Float32, shape (C,), above 0.
    """
    counts_C = labels_MC.double().sum(dim=0)
    occurs_C = counts_C > 0
    weights_C = counts_C.sum() / (occurs_C.sum() * counts_C.where(occurs_C, 1.0))
    return weights_C.where(occurs_C, 1.0).float()


def dimension_rows(records: Sequence[ImageRecord], names: Sequence[str]) -> Tensor:
    """Valence and the like of each record, in the units of its data set; NaN where not known.

    Args:
        records: Each has a value for each name, or none at all; a single value may be NaN or null.
        names: The K dimensions.

    Returns:
        Float32, shape (M, K).

    Raises:
        DataError: A record has another number of values, or an infinite one.
    """
    rows_MK = torch.full((len(records), len(names)), math.nan)
    for row, record in enumerate(records):
        values = [math.nan if value is None else value for value in record.dimensions]
        if values and (len(values) != len(names) or any(math.isinf(value) for value in values)):
            wanted = f"{len(names)} finite numbers ({', '.join(names)})"
            raise DataError(f"{record.id}: dimensions must be {wanted}; got {values}")
        if values:
            rows_MK[row] = torch.tensor(values, dtype=torch.float32)
    return rows_MK
