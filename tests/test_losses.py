import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from emotionnet.losses import (
    distillation_loss,
    embedding_distance,
    label_distribution,
    soft_cross_entropy,
)

Loss = Callable[[Tensor, Tensor], Tensor]


def test_each_of_k_labels_weighs_one_kth_and_no_label_nothing() -> None:
    labels = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]])
    expected = [[0.5, 0, 0.5, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert label_distribution(labels).tolist() == expected


def test_votes_are_divided_by_their_sum() -> None:
    assert label_distribution(torch.tensor([[3.0, 1.0, 0.0]])).tolist() == [[0.75, 0.25, 0]]


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_labels_must_be_counts(value: float) -> None:
    with pytest.raises(ValueError, match="labels must be finite and at least 0; some are not"):
        label_distribution(torch.tensor([[1.0, value]]))


def test_labels_need_two_axes() -> None:
    with pytest.raises(ValueError, match=r"shape \(N, C\); got \(3,\)"):
        label_distribution(torch.ones(3))


def test_cross_entropy_by_hand() -> None:
    # softmax of (ln 1, ln 3) is (1/4, 3/4)
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])
    targets = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    first = 0.5 * math.log(4) + 0.5 * math.log(4 / 3)
    assert soft_cross_entropy(logits, targets).item() == pytest.approx((first + math.log(2)) / 2)


def test_row_of_zeros_costs_nothing_and_counts_in_the_mean() -> None:
    logits = torch.zeros(4, 2)
    targets = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    assert soft_cross_entropy(logits, targets).item() == pytest.approx(math.log(2) / 4)


def test_cross_entropy_of_single_labels_is_torchs_own() -> None:
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 4, 2, 2, 1, 3])
    expected = torch.nn.functional.cross_entropy(logits, classes)
    torch.testing.assert_close(soft_cross_entropy(logits, torch.eye(5)[classes]), expected)


def test_cross_entropy_gradient_is_softmax_minus_target() -> None:
    logits = torch.tensor([[0.0, math.log(3)]], requires_grad=True)
    (gradient,) = torch.autograd.grad(soft_cross_entropy(logits, torch.tensor([[1.0, 0.0]])), logits)
    torch.testing.assert_close(gradient, torch.tensor([[0.25 - 1, 0.75]]))


def test_cross_entropy_holds_for_huge_scores() -> None:
    logits = torch.tensor([[1e4, -1e4]])
    assert soft_cross_entropy(logits, torch.tensor([[0.0, 1.0]])).item() == pytest.approx(2e4)


def test_distillation_by_hand() -> None:
    # the teacher says (1/4, 3/4); the student is undecided
    loss = distillation_loss(torch.zeros(1, 2), torch.tensor([[0.0, math.log(3)]]))
    assert loss.item() == pytest.approx(math.log(2))


def test_student_that_matches_pays_the_teachers_entropy_and_is_left_alone() -> None:
    teacher = torch.tensor([[0.0, math.log(3)]], requires_grad=True)
    student = (teacher.detach() + 7).requires_grad_()
    loss = distillation_loss(student, teacher)
    ours, teachers = torch.autograd.grad(loss, (student, teacher), allow_unused=True)
    assert loss.item() == pytest.approx(0.25 * math.log(4) + 0.75 * math.log(4 / 3))
    torch.testing.assert_close(ours, torch.zeros(1, 2), atol=1e-6, rtol=0)
    assert teachers is None


def test_distance_by_hand() -> None:
    projection = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 3.0], [-1.0, 0.0]])
    target = torch.tensor([[5.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    expected = (0 + (1 - 1 / math.sqrt(2)) + 1 + 2) / 4
    assert embedding_distance(projection, target).item() == pytest.approx(expected)


def test_distance_does_not_see_length_and_its_gradient_is_across() -> None:
    projection = torch.tensor([[3.0, 4.0]], requires_grad=True)
    target = torch.tensor([[1.0, 0.0]])
    loss = embedding_distance(projection, target)
    (gradient,) = torch.autograd.grad(loss, projection)
    assert embedding_distance(7 * projection, 9 * target).item() == pytest.approx(loss.item())
    assert (gradient * projection).sum().item() == pytest.approx(0, abs=1e-6)
    assert gradient[0, 0] < 0  # towards the target lowers the loss


def test_zero_target_is_at_distance_one_without_gradient() -> None:
    projection = torch.tensor([[3.0, 4.0]], requires_grad=True)
    loss = embedding_distance(projection, torch.zeros(1, 2))
    (gradient,) = torch.autograd.grad(loss, projection)
    assert loss.item() == 1
    torch.testing.assert_close(gradient, torch.zeros(1, 2))


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        (soft_cross_entropy, "scores and targets must have one (N, C) shape"),
        (distillation_loss, "student and teacher must have one (N, C) shape"),
        (embedding_distance, "projection and target must have one (N, D) shape"),
    ],
)
@pytest.mark.parametrize(("first", "second"), [((2, 3), (2, 4)), ((2, 3), (1, 3)), ((3,), (3,))])
def test_shape_error_shows_both_shapes(
    loss: Loss, names: str, first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="must have one") as error:
        loss(torch.zeros(first), torch.zeros(second))
    assert str(error.value) == f"{names}; got {first} and {second}"
