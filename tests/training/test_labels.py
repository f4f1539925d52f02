"""Label rows against the rules of REFERENCE section 5, one record and one label at a time."""

from __future__ import annotations

import numpy as np
import pytest

from emotionnet.records import ImageRecord
from emotionnet.training.labels import label_distributions, multi_hot

CLASSES = 6


def record(labels: tuple[int, ...], weights: tuple[float, ...] = ()) -> ImageRecord:
    return ImageRecord("i", "p", labels, (), (), "g", "s", "l", "h", label_weights=weights)


def literal(one: ImageRecord) -> list[float]:
    row = [0.0] * CLASSES
    if one.label_weights:
        total = sum(one.label_weights)
        for label, weight in zip(one.labels, one.label_weights, strict=True):
            row[label] += weight / total if total else 0.0
        return row
    for label in one.labels:
        row[label] = 1 / len(one.labels)
    return row


def test_rows_are_the_literal_ones() -> None:
    rng = np.random.default_rng(0)
    records = []
    for number in range(200):
        labels = tuple(int(label) for label in rng.integers(CLASSES, size=rng.integers(1, 5)))
        weights = tuple(float(count) for count in rng.integers(0, 4, size=len(labels)))
        records.append(record(labels, weights if number % 2 else ()))
    found = label_distributions(records, CLASSES)
    assert found.shape == (200, CLASSES)
    np.testing.assert_allclose(found.numpy(), [literal(one) for one in records], rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("one", "distribution", "ones"),
    [
        (record((2,)), [0, 0, 1], [0, 0, 1]),
        (record((0, 2)), [0.5, 0, 0.5], [1, 0, 1]),
        (record((1, 1, 2, 0)), [0.25, 0.25, 0.25], [1, 1, 1]),  # set once, counted twice
        (record((0, 1), (3.0, 1.0)), [0.75, 0.25, 0], [1, 1, 0]),
        (record((0, 1), (0.0, 2.0)), [0, 1, 0], [0, 1, 0]),
        (record((0, 1, 2), (0.0, 0.0, 0.0)), [0, 0, 0], [0, 0, 0]),
        (record(()), [0, 0, 0], [0, 0, 0]),
    ],
)
def test_rows_by_hand(one: ImageRecord, distribution: list[float], ones: list[float]) -> None:
    assert label_distributions([record((1,)), one], 3).tolist() == [[0, 1, 0], distribution]
    assert multi_hot([record((1,)), one], 3).tolist() == [[0, 1, 0], ones]
