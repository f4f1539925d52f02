"""Label rows against the rules of REFERENCE section 5, one record and one label at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from emotionnet.losses import NO_LABEL
from emotionnet.records import DataError, ImageRecord
from emotionnet.training.labels import (
    balanced_weights,
    dimension_rows,
    label_distributions,
    multi_hot,
    single_labels,
)

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


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = np.random.default_rng(0).choice(4, size=60, p=[0.6, 0.2, 0.15, 0.05])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    found = balanced_weights(torch.nn.functional.one_hot(torch.from_numpy(labels)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    assert found[torch.from_numpy(labels)].mean().item() == pytest.approx(1, rel=1e-6)


def test_weights_of_shares_by_hand_and_of_an_emotion_that_nobody_has() -> None:
    """Shares of 1.5, 0.5 and 0: two emotions occur, two labels in all."""
    rows = label_distributions([record((0,)), record((0, 1)), record((0, 1), (0.0, 0.0))], 3)
    found = balanced_weights(rows)
    assert found.tolist() == pytest.approx([2 / (2 * 1.5), 2 / (2 * 0.5), 1.0])
    assert found.dtype == torch.float32


def test_first_labels_or_none() -> None:
    assert single_labels([record((2, 0)), record(()), record((1,))]).tolist() == [2, NO_LABEL, 1]


def test_dimensions_that_are_not_known_are_nan() -> None:
    records = [replace(record((0,)), dimensions=values) for values in ((1.5, 9.0), (), (math.nan, 2.0))]
    records.append(replace(record((0,)), dimensions=(None, 3.0)))  # type: ignore[arg-type] # null in a table
    rows = dimension_rows(records, ("valence", "arousal"))
    assert rows.dtype == torch.float32
    expected = [[1.5, 9.0], [math.nan, math.nan], [math.nan, 2.0], [math.nan, 3.0]]
    np.testing.assert_array_equal(rows.numpy(), np.array(expected, dtype=np.float32))


@pytest.mark.parametrize("values", [(1.0,), (1.0, 2.0, 3.0), (1.0, math.inf)])
def test_dimensions_that_do_not_fit_their_names_are_a_fault(values: tuple[float, ...]) -> None:
    with pytest.raises(DataError) as error:
        dimension_rows([replace(record((0,)), dimensions=values)], ("valence", "arousal"))
    assert error.value.faults == (
        f"i: dimensions must be 2 finite numbers (valence, arousal); got {list(values)}",
    )
