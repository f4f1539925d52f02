"""What is taken for what, and how sure it was told."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from emotionnet.evaluation.mistakes import confusion, frequent, said
from emotionnet.evaluation.pooled import Pooled
from emotionnet.evaluation.scores import Told, Truth


def test_single_labels_give_scikit_learns_matrix() -> None:
    rng = np.random.default_rng(0)
    true, scores = rng.integers(4, size=200), rng.random((200, 4))
    found = confusion(scores, np.eye(4, dtype=bool)[true])
    np.testing.assert_allclose(found, confusion_matrix(true, scores.argmax(axis=1)))


def test_several_labels_count_for_the_one_told_else_in_equal_parts() -> None:
    labels = np.array([[True, True, False], [True, True, False], [False, False, False]])
    scores = np.array([[0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [1.0, 0.0, 0.0]])
    assert confusion(scores, labels).tolist() == [[0, 0, 0.5], [0, 1, 0.5], [0, 0, 0]]


PROBABILITIES = np.array([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]])
LABELS = np.array([[True, False], [True, False], [False, False]])


@pytest.mark.parametrize(
    ("single", "activation", "confidences", "hits"),
    [
        ([0, 1, -1], "softmax", [0.7, 0.6], [True, True]),
        (None, "softmax", [0.7, 0.6], [True, False]),
        (
            None,
            "sigmoid",
            [0.7, 0.3, 0.4, 0.6, 0.9, 0.1],
            [True, False, True, False, False, False],
        ),
    ],
)
def test_what_was_said(
    single: list[int] | None,
    activation: Literal["softmax", "sigmoid"],
    confidences: list[float],
    hits: list[bool],
) -> None:
    truth = Truth(LABELS, None if single is None else np.array(single))
    found = said(Pooled("group", ("a", "b", "c"), Told(PROBABILITIES, PROBABILITIES), truth), activation)
    assert (found.confidences.tolist(), found.hits.tolist()) == (confidences, hits)


def test_the_most_frequent_classes_in_their_own_order() -> None:
    labels = np.array([[False, True, True, False], [True, True, True, False], [False, False, True, False]])
    assert frequent(labels, 2).tolist() == [1, 2]
    assert frequent(labels, 9).tolist() == [0, 1, 2]
