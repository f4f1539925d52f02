"""Labels of records as rows to compare scores with. Shape letters: M = records, C = emotions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from emotionnet.losses import label_distribution
from emotionnet.records import ImageRecord


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
