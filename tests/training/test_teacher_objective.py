"""What a text teacher learns, and how it is scored."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from emotionnet.evaluation.units import Split
from emotionnet.text.teacher import TextOutput
from emotionnet.training.teacher_objective import TeacherObjective

LABELS_MC = np.array([[1, 0], [0, 1], [1, 1]], dtype=bool)
SPLIT = Split(records=(), paths=(Path("a"), Path("b"), Path("c")), labels=LABELS_MC, groups=("x", "x", "y"))
DISTRIBUTION_MC = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])


def output(scores: torch.Tensor) -> TextOutput:
    return TextOutput(scores=scores, features=torch.zeros(len(scores), 2))


def test_teacher_pays_the_soft_cross_entropy() -> None:
    terms = TeacherObjective(SPLIT, DISTRIBUTION_MC).losses(
        output(torch.tensor([[math.log(3.0), 0.0]])), torch.tensor([0])
    )
    assert set(terms) == {"loss"}
    assert terms["loss"].item() == pytest.approx(-math.log(3 / 4))


def test_loss_and_gradient_are_the_literal_ones() -> None:
    """Rows that sum to 1, to more (multi-hot) and to 0 alike; a row of zeros stays in the mean."""
    rng = np.random.default_rng(1)
    labels = np.array([[0.2, 0.5, 0.3], [1, 1, 0], [0, 0, 0], [0, 1, 1]])
    scores = rng.normal(size=(3, 3)) * 3
    indices = [3, 2, 0]
    split = Split(records=(), paths=(), labels=labels > 0, groups=tuple("abcd"))
    logits = torch.tensor(scores, requires_grad=True)
    loss = TeacherObjective(split, torch.tensor(labels)).losses(output(logits), torch.tensor(indices))["loss"]
    torch.autograd.backward(loss)
    total, gradient = 0.0, np.zeros((3, 3))
    for row, index in enumerate(indices):
        powers = np.exp(scores[row])
        shares = powers / powers.sum()
        for label in range(3):
            total -= labels[index, label] * math.log(shares[label])
            gradient[row, label] = (shares[label] * labels[index].sum() - labels[index, label]) / 3
    assert loss.item() == pytest.approx(total / 3, rel=1e-9)
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), gradient, rtol=1e-6, atol=1e-12)


def test_top1_and_hit_are_the_literal_ones() -> None:
    rng = np.random.default_rng(2)
    votes = rng.integers(0, 3, size=(40, 4)).astype(np.float32)
    votes[5] = 0
    scores = rng.normal(size=(40, 4)).astype(np.float32)
    split = Split(records=(), paths=(), labels=votes > 0, groups=tuple(str(n) for n in range(40)))
    order = rng.permutation(40)
    found = TeacherObjective(split, torch.tensor(votes)).scores(scores[order], order)
    best = hit = rows = 0
    for row in range(40):
        if votes[row].sum():
            rows += 1
            top = max(range(4), key=lambda label: scores[row, label])
            best += votes[row, top] == max(votes[row])
            hit += votes[row, top] > 0
    assert found["top1"] == pytest.approx(best / rows)
    assert found["hit_rate"] == pytest.approx(hit / rows)
    assert set(found) == {"macro_map", "hit_rate", "top1"}


def test_scores_are_per_group() -> None:
    """x: mean scores (0.4, 0.6), mean labels (0.75, 0.25): a hit, and not the most frequent label."""
    split = Split(records=(), paths=(), labels=np.array([[1, 0], [1, 1]], dtype=bool), groups=("x", "x"))
    objective = TeacherObjective(split, torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    scores = np.array([[0.8, 0.2], [0.0, 1.0]], dtype=np.float32)
    found = objective.scores(scores, np.array([0, 1]))
    assert (found["top1"], found["hit_rate"]) == (0.0, 1.0)
