"""What a run takes for what, and how sure it is when it is right or wrong.

Shape letters: U = units, C = emotions, N = what was told with a probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.pooled import Pooled


@dataclass(frozen=True)
class Said:
    """Probabilities told, float64, and whether each was right; shape (N,). `what` names what they are of."""

    what: str
    confidences: Floats
    hits: Labels


def confusion(scores_UC: npt.NDArray[Any], labels_UC: Labels) -> Floats:
    """How many units of each emotion (row) have each as their top class (column); float64, shape (C, C).

    A unit whose top class is one of its labels counts for that label, else in equal parts for each of its
    labels. With single labels that is the usual matrix. Units without a label do not count.
    """
    classes, top_U = labels_UC.shape[1], scores_UC.argmax(axis=1)
    hit_U = np.take_along_axis(labels_UC, top_U[:, None], axis=1)[:, 0]
    parts_UC = labels_UC / np.maximum(labels_UC.sum(axis=1, keepdims=True), 1)
    parts_UC[hit_U] = np.eye(classes)[top_U[hit_U]]
    counts_CC = np.zeros((classes, classes))
    np.add.at(counts_CC.T, top_U, parts_UC)
    return counts_CC


def said(pooled: Pooled, activation: Literal["softmax", "sigmoid"]) -> Said:
    """What a reliability plot shows.

    With single labels the top class of each unit that has one, as for the expected calibration error. With
    several labels: for sigmoid each class of each unit, since each stands for itself; for softmax the top
    class of each labelled unit, right where it is one of the labels.
    """
    probabilities_UC, truth = pooled.probabilities, pooled.truth
    top_U, sure_U = probabilities_UC.argmax(axis=1), probabilities_UC.max(axis=1)
    if truth.single_U is not None:
        known_U = np.flatnonzero(truth.single_U >= 0)
        return Said("top class", sure_U[known_U], top_U[known_U] == truth.single_U[known_U])
    if activation == "sigmoid":
        return Said("every class", probabilities_UC.ravel(), truth.labels_UC.ravel())
    judged_U = truth.labels_UC.any(axis=1)
    hit_U = np.take_along_axis(truth.labels_UC, top_U[:, None], axis=1)[:, 0]
    return Said("top class", sure_U[judged_U], hit_U[judged_U])


def frequent(labels_UC: Labels, count: int) -> npt.NDArray[np.intp]:
    """The classes that most units carry, at most `count` of them, in their own order."""
    carried_C = labels_UC.sum(axis=0)
    chosen = np.argsort(-carried_C, kind="stable")[:count]
    return np.sort(chosen[carried_C[chosen] > 0])
