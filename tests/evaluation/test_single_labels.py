"""Which pictures have a single label, and accuracy over them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from emotionnet.data.se30k8 import EMOTIONS
from emotionnet.data.store import Dataset
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.single_labels import one_hot_labels, resample_accuracy
from emotionnet.evaluation.units import Split
from emotionnet.records import ImageRecord, Word


def record(name: str, labels: tuple[int, ...], weights: tuple[float, ...] = ()) -> ImageRecord:
    return ImageRecord(name, name, labels, (), (), name, "s", "l", "", label_weights=weights)


def opened(records: list[ImageRecord], emotions: tuple[str, ...]) -> tuple[Dataset, Split]:
    words = tuple(Word(name, 1) for name in emotions)
    dataset = Dataset(Path("d"), {}, emotions=words, tags=(), unseen=())
    labels = np.zeros((len(records), len(emotions)), dtype=bool)
    groups = tuple(one.group for one in records)
    return dataset, Split(tuple(records), tuple(Path(one.path) for one in records), labels, groups)


def test_votes_follow_the_rule_of_three() -> None:
    """Most votes, at least 3, of equals the one met first; columns in the order asked for."""
    records = [
        record("a", (3, 0), (4.0, 1.0)),
        record("b", (0, 3), (2.0, 2.0)),
        record("c", (7, 6, 1), (3.0, 3.0, 1.0)),
        record("d", (2,), (5.0,)),
    ]
    dataset, split = opened(records, EMOTIONS)
    found = one_hot_labels(dataset, split, EMOTIONS[::-1])
    assert found is not None
    assert [tuple(np.flatnonzero(row)) for row in found] == [(4,), (), (0,), (5,)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([record("a", (1,)), record("b", (0,))], [[False, True], [True, False]]),
        ([record("a", (1,)), record("b", (0, 1))], None),
        ([record("a", (1, 0), (3.0, 1.0)), record("b", (0,))], None),  # votes of another data set
    ],
)
def test_elsewhere_every_picture_must_have_one(records: list[ImageRecord], expected: Any) -> None:
    dataset, split = opened(records, ("no", "yes"))
    found = one_hot_labels(dataset, split, ("no", "yes"))
    assert (None if found is None else found.tolist()) == expected


def test_the_most_votes_of_a_benchmark_are_the_label_and_a_tie_is_none() -> None:
    records = [record("a", (1, 0), (3.0, 1.0)), record("b", (0, 1), (0.5, 0.5)), record("c", (0,), (0.0,))]
    dataset, split = opened(records, ("no", "yes"))
    found = one_hot_labels(replace(dataset, info={"format": "emotion6"}), split, ("no", "yes"))
    assert found is not None
    assert found.tolist() == [[False, True], [False, False], [False, False]]


def test_accuracy_is_scikit_learns_over_those_that_have_a_label() -> None:
    rng = np.random.default_rng(0)
    scores, truth = rng.random((40, 8)), rng.integers(8, size=40)
    records = [record(str(i), (int(c),), (5.0 if i % 4 else 2.0,)) for i, c in enumerate(truth)]
    dataset, split = opened([replace(one) for one in records], EMOTIONS)
    labels = one_hot_labels(dataset, split, EMOTIONS)
    assert labels is not None
    weights = draw_weights(40, seed=0)
    found = resample_accuracy(scores, labels, split.groups, weights)
    judged = [i for i in range(40) if i % 4]
    assert found.value == pytest.approx(accuracy_score(truth[judged], scores[judged].argmax(axis=1)))
    assert found.counts == (30,)
    estimate = found.estimate()
    assert estimate.low < found.value < estimate.high
