"""Every loss of the 2020 system against a slow version written down one image and one class at a time.

Values to 1e-6, and gradients against central differences of the slow version, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from emotionnet import losses

Floats = npt.NDArray[np.float64]
N, C, D = 5, 4, 3


def drawn(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def softmax(row: Floats) -> list[float]:
    largest = max(row)
    powers = [math.exp(value - largest) for value in row]
    return [power / sum(powers) for power in powers]


def slow_soft_cross_entropy(scores_NC: Floats, labels_NC: Floats) -> float:
    total = 0.0
    for scores, labels in zip(scores_NC, labels_NC, strict=True):
        for share, label in zip(softmax(scores), labels, strict=True):
            total += -label * math.log(share)
    return total / len(scores_NC)


def slow_single_label(scores_NC: Floats, labels_N: npt.NDArray[np.int64]) -> float:
    costs = [
        -math.log(softmax(row)[label]) for row, label in zip(scores_NC, labels_N, strict=True) if label != -1
    ]
    return sum(costs) / len(costs) if costs else 0.0


def slow_multi_label(scores_NC: Floats, labels_NC: Floats) -> float:
    costs = []
    for scores, labels in zip(scores_NC, labels_NC, strict=True):
        for score, label in zip(scores, labels, strict=True):
            chance = 1 / (1 + math.exp(-score))
            costs.append(-math.log(chance if label else 1 - chance))
    return sum(costs) / len(costs)


def slow_hardest(scores_NC: Floats, labels_NC: Floats) -> float:
    total = 0.0
    for scores, labels in zip(scores_NC, labels_NC, strict=True):
        costs = [-math.log(share) for share, label in zip(softmax(scores), labels, strict=True) if label > 0]
        total += max(costs, default=0.0)
    return total / len(scores_NC)


def slow_distance(first_ND: Floats, second_ND: Floats) -> float:
    total = 0.0
    for first, second in zip(first_ND, second_ND, strict=True):
        lengths = math.sqrt(sum(a * a for a in first)) * math.sqrt(sum(b * b for b in second))
        total += 1 - sum(a * b for a, b in zip(first, second, strict=True)) / lengths
    return total / len(first_ND)


def slow_mixed(labels_NC: Floats, teacher_NC: Floats) -> Floats:
    rows = []
    for labels, teacher in zip(labels_NC, teacher_NC, strict=True):
        shares = [share if share >= 0.01 else 0.0 for share in softmax(teacher)]
        both = [label + share for label, share in zip(labels, shares, strict=True)]
        rows.append([value / sum(both) if sum(both) else 0.0 for value in both])
    return np.array(rows)


def slow_attended(projection_ND: Floats, sentences: list[Floats], padding_D: Floats, places: int) -> Floats:
    """All positions one by one, those without tag included."""
    rows = []
    for projection, tags in zip(projection_ND, sentences, strict=True):
        positions = [*tags, *[padding_D] * (places - len(tags))]
        total = np.zeros(len(projection))
        for feature in positions:
            dot = sum(a * b for a, b in zip(feature, projection, strict=True))
            total += feature / (1 + math.exp(-dot))
        rows.append(total)
    return np.array(rows)


LABELS_NC = np.array([[0.5, 0.5, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0.2, 0.3, 0, 0.5], [0, 0, 0, 1]])
CASES: dict[str, tuple[Callable[..., Any], Callable[..., float], Any]] = {
    "soft": (losses.soft_cross_entropy, slow_soft_cross_entropy, LABELS_NC),
    "single": (losses.single_label_cross_entropy, slow_single_label, np.array([2, -1, 0, 3, -1])),
    "no single": (losses.single_label_cross_entropy, slow_single_label, np.full(5, -1)),
    "multi": (losses.multi_label_cross_entropy, slow_multi_label, (LABELS_NC > 0).astype(np.float64)),
    "hardest": (losses.hardest_label_loss, slow_hardest, (LABELS_NC > 0).astype(np.float64)),
    "distillation": (
        losses.distillation_loss,
        lambda scores, teacher: slow_soft_cross_entropy(scores, np.array([softmax(row) for row in teacher])),
        drawn(N, C, seed=1),
    ),
    "distance": (losses.embedding_distance, slow_distance, drawn(N, C, seed=2)),
}


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient_are_those_of_the_slow_version(case: str) -> None:
    fast, slow, target = CASES[case]
    scores_NC = drawn(N, C) * 2
    tensor = torch.tensor(scores_NC, requires_grad=True)
    loss = fast(tensor, torch.from_numpy(target))
    (gradient,) = torch.autograd.grad(loss, tensor)
    assert loss.item() == pytest.approx(slow(scores_NC, target), abs=1e-6)
    np.testing.assert_allclose(gradient.numpy(), differences(lambda x: slow(x, target), scores_NC), atol=1e-6)


def differences(function: Callable[[Floats], float], at: Floats, step: float = 1e-5) -> Floats:
    """Central differences, one entry at a time."""
    result = np.zeros_like(at)
    for index in np.ndindex(*at.shape):
        shift = np.zeros_like(at)
        shift[index] = step
        result[index] = (function(at + shift) - function(at - shift)) / (2 * step)
    return result


def test_labels_mixed_with_the_teacher() -> None:
    teacher_NC = drawn(N, C, seed=3) * 4
    assert (np.array([softmax(row) for row in teacher_NC]) < 0.01).any()  # the cut has something to cut
    mixed = losses.mixed_labels(torch.from_numpy(LABELS_NC), torch.from_numpy(teacher_NC))
    np.testing.assert_allclose(mixed.numpy(), slow_mixed(LABELS_NC, teacher_NC), atol=1e-12)
    np.testing.assert_allclose(mixed.sum(dim=1).numpy(), 1)


def test_a_row_without_label_and_opinion_stays_zero() -> None:
    mixed = losses.mixed_labels(torch.zeros(1, 200), torch.zeros(1, 200))  # every share is 1/200
    assert mixed.abs().sum().item() == 0


SENTENCES = [drawn(count, D, seed=count) for count in (3, 0, 1, 6, 2)]
PADDING_D = np.array([0.5, 0.0, 0.2])
PLACES = 6


def attended(projection_ND: torch.Tensor) -> torch.Tensor:
    counts_N = torch.tensor([len(tags) for tags in SENTENCES])
    return losses.attended_features(
        projection_ND,
        torch.from_numpy(np.concatenate(SENTENCES)),
        torch.repeat_interleave(counts_N),
        torch.from_numpy(PADDING_D),
        (PLACES - counts_N).double(),
    )


def test_attention_over_tags_and_its_gradient_through_the_target() -> None:
    projection_ND = drawn(N, D)
    tensor = torch.tensor(projection_ND, requires_grad=True)
    target = attended(tensor)
    (gradient,) = torch.autograd.grad(losses.embedding_distance(tensor, target), tensor)

    def slow(at: Floats) -> float:
        return slow_distance(at, slow_attended(at, SENTENCES, PADDING_D, PLACES))

    np.testing.assert_allclose(
        target.detach().numpy(), slow_attended(projection_ND, SENTENCES, PADDING_D, PLACES), atol=1e-12
    )
    np.testing.assert_allclose(gradient.numpy(), differences(slow, projection_ND), atol=1e-6)


def test_the_hardest_label_alone_gets_the_gradient_of_labels() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(
        losses.hardest_label_loss(logits, torch.tensor([[1.0, 1.0, 0.0]])), logits
    )
    shares = torch.softmax(logits.detach(), dim=1)
    torch.testing.assert_close(gradient, shares - torch.tensor([[0.0, 1.0, 0.0]]))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: losses.single_label_cross_entropy(torch.zeros(2, 3), torch.zeros(3, dtype=torch.long)),
            r"shapes \(N, C\) and \(N,\); got \(2, 3\) and \(3,\)",
        ),
        (
            lambda: losses.multi_label_cross_entropy(torch.zeros(2, 3), torch.zeros(2, 4)),
            r"scores and labels must have one \(N, C\) shape; got \(2, 3\) and \(2, 4\)",
        ),
        (
            lambda: losses.hardest_label_loss(torch.zeros(2, 3), torch.zeros(2, 4)),
            r"scores and labels must have one \(N, C\) shape; got \(2, 3\) and \(2, 4\)",
        ),
        (
            lambda: losses.mixed_labels(torch.zeros(2, 3), torch.zeros(2, 4)),
            r"labels and teacher must have one \(N, C\) shape; got \(2, 3\) and \(2, 4\)",
        ),
        (
            lambda: losses.attended_features(
                torch.zeros(1, 3),
                torch.zeros(1, 4),
                torch.zeros(1, dtype=torch.long),
                torch.zeros(4),
                torch.ones(1),
            ),
            r"projection, tag features and padding must have one size; got \(3, 4, 4\)",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()
