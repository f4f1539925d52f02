"""Losses on any labels: against loops over images and classes, against libraries, and by their gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from emotionnet import losses
from emotionnet.evaluation.dimension_metrics import concordances

Floats = npt.NDArray[np.float64]
N, C, K = 5, 4, 3
LABELS_NC = np.array([[0.5, 0.5, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0.2, 0.3, 0, 0.5], [0, 0, 0, 1]])
ONES_NC = (LABELS_NC > 0).astype(np.float64)
SINGLE_N = np.array([0, -1, 2, 3, 3])
WEIGHTS_C = np.array([0.5, 2.0, 0.0, 1.25])
NAN = math.nan
TRUE_NK = np.array(
    [[5.0, NAN, 2.0], [1.0, 3.0, NAN], [9.0, NAN, NAN], [2.5, 8.0, NAN], [6.0, 4.5, NAN]]
)  # the last dimension is known of one image only


def drawn(*shape: int, seed: int = 0) -> Floats:
    return 2 * np.random.default_rng(seed).normal(size=shape)


def log_softmax(row: Floats) -> list[float]:
    total = sum(math.exp(value) for value in row)
    return [value - math.log(total) for value in row]


def slow_soft(scores_NC: Floats, labels_NC: Floats, weights: Floats) -> float:
    costs = [
        -sum(w * y * s for w, y, s in zip(weights, labels, log_softmax(scores), strict=True))
        for scores, labels in zip(scores_NC, labels_NC, strict=True)
    ]
    return float(sum(costs) / len(costs))


def slow_kl(scores_NC: Floats, labels_NC: Floats, weights: Floats) -> float:
    total = 0.0
    for scores, labels in zip(scores_NC, labels_NC, strict=True):
        for weight, label, share in zip(weights, labels, log_softmax(scores), strict=True):
            total += weight * label * (math.log(label) - share) if label else 0.0
    return float(total / len(scores_NC))


def slow_single(scores_NC: Floats, labels_N: Any, weights: Floats, smoothing: float = 0.0) -> float:
    costs = []
    for scores, label in zip(scores_NC, labels_N, strict=True):
        if label != -1:
            shares = log_softmax(scores)
            row = [(1 - smoothing) * (i == label) + smoothing / C for i in range(C)]
            costs.append(-sum(w * y * s for w, y, s in zip(weights, row, shares, strict=True)))
    return float(sum(costs) / len(costs))


def slow_bce(scores_NC: Floats, labels_NC: Floats, weights: Floats) -> float:
    return slow_asymmetric(scores_NC, labels_NC, weights, gammas=(0.0, 0.0), margin=0.0)


def slow_asymmetric(
    scores_NC: Floats,
    labels_NC: Floats,
    weights: Floats,
    gammas: tuple[float, float] = (4.0, 1.0),
    margin: float = 0.05,
) -> float:
    costs = []
    for scores, labels in zip(scores_NC, labels_NC, strict=True):
        for weight, score, label in zip(weights, scores, labels, strict=True):
            p = 1 / (1 + math.exp(-score))
            q = max(p - margin, 0.0)
            present = -weight * (1 - p) ** gammas[1] * math.log(p)
            costs.append(present if label else -(q ** gammas[0]) * math.log(1 - q))
    return float(sum(costs) / len(costs))


def slow_hardest(scores_NC: Floats, labels_NC: Floats, weights: Floats) -> float:
    total = 0.0
    for scores, labels in zip(scores_NC, labels_NC, strict=True):
        costs = zip(weights, log_softmax(scores), labels, strict=True)
        total += max([-weight * share for weight, share, label in costs if label], default=0.0)
    return float(total / len(scores_NC))


def slow_concordance_loss(told_NK: Floats, true_NK: Floats) -> float:
    found = []
    for told, true in zip(told_NK.T, true_NK.T, strict=True):
        pairs = [(x, y) for x, y in zip(told, true, strict=True) if not math.isnan(y)]
        if len(pairs) >= 2:
            x_mean, y_mean = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
            shared = sum((x - x_mean) * (y - y_mean) for x, y in pairs) / len(pairs)
            x_spread = sum((x - x_mean) ** 2 for x, _ in pairs) / len(pairs)
            y_spread = sum((y - y_mean) ** 2 for _, y in pairs) / len(pairs)
            found.append(1 - 2 * shared / (x_spread + y_spread + (x_mean - y_mean) ** 2))
    return float(sum(found) / len(found))


Fast = Callable[..., Tensor]
CASES: dict[str, tuple[Fast, Callable[..., float], Any]] = {
    "soft": (losses.soft_cross_entropy, slow_soft, LABELS_NC),
    "kl": (losses.kl_divergence, slow_kl, LABELS_NC),
    "single": (losses.single_label_cross_entropy, slow_single, SINGLE_N),
    "single, smoothed": (
        partial(losses.single_label_cross_entropy, smoothing=0.2),
        partial(slow_single, smoothing=0.2),
        SINGLE_N,
    ),
    "bce": (losses.multi_label_cross_entropy, slow_bce, ONES_NC),
    "asymmetric": (losses.asymmetric_loss, slow_asymmetric, ONES_NC),
    "asymmetric of the paper": (
        partial(losses.asymmetric_loss, gamma_pos=0.0),
        partial(slow_asymmetric, gammas=(4.0, 0.0)),
        ONES_NC,
    ),
    "asymmetric, all else": (
        partial(losses.asymmetric_loss, gamma_neg=1.5, gamma_pos=2.0, margin=0.3),
        partial(slow_asymmetric, gammas=(1.5, 2.0), margin=0.3),
        ONES_NC,
    ),
    "hardest": (losses.hardest_label_loss, slow_hardest, ONES_NC),
}


@pytest.mark.parametrize("weights_C", [None, WEIGHTS_C])
@pytest.mark.parametrize("case", CASES)
def test_value_is_that_of_a_loop_and_the_gradient_that_of_the_value(
    case: str, weights_C: Floats | None
) -> None:
    fast, slow, labels = CASES[case]
    weights = None if weights_C is None else torch.from_numpy(weights_C)
    scores = torch.tensor(drawn(N, C), requires_grad=True)
    target = torch.from_numpy(labels)
    expected = slow(drawn(N, C), labels, np.ones(C) if weights_C is None else weights_C)
    assert fast(scores, target, weights).item() == pytest.approx(expected, rel=1e-9)
    assert torch.autograd.gradcheck(lambda s: fast(s, target, weights), scores)


def test_concordance_is_that_of_a_loop_and_its_gradient_that_of_the_value() -> None:
    told = torch.tensor(drawn(N, K) + 4, requires_grad=True)
    true = torch.from_numpy(TRUE_NK)
    expected = slow_concordance_loss(drawn(N, K) + 4, TRUE_NK)
    assert losses.concordance_loss(told, true).item() == pytest.approx(expected, rel=1e-9)
    assert torch.autograd.gradcheck(lambda t: losses.concordance_loss(t, true), told)


def test_losses_are_those_of_pytorch_and_torchvision() -> None:
    scores, weights = torch.from_numpy(drawn(N, C)), torch.from_numpy(WEIGHTS_C)
    single, ones = torch.from_numpy(SINGLE_N), torch.from_numpy(ONES_NC)
    shares = torch.from_numpy(LABELS_NC)
    theirs = functional.cross_entropy(
        scores, single, weights, label_smoothing=0.3, ignore_index=-1, reduction="sum"
    )
    ours = losses.single_label_cross_entropy(scores, single, weights, smoothing=0.3)
    torch.testing.assert_close(ours, theirs / 4)
    torch.testing.assert_close(
        losses.kl_divergence(scores, shares),
        functional.kl_div(scores.log_softmax(dim=1), shares, reduction="batchmean"),
    )
    torch.testing.assert_close(
        losses.multi_label_cross_entropy(scores, ones, weights),
        functional.binary_cross_entropy_with_logits(scores, ones, pos_weight=weights),
    )
    focal = sigmoid_focal_loss(scores, ones, alpha=-1, gamma=2.0, reduction="mean")
    both = losses.asymmetric_loss(scores, ones, gamma_neg=2.0, gamma_pos=2.0, margin=1e-15)
    torch.testing.assert_close(both, focal)


def test_smoothed_one_hot_labels_are_pytorchs_label_smoothing() -> None:
    scores, labels_N = torch.from_numpy(drawn(N, C)), torch.tensor([0, 3, 1, 1, 2])
    theirs = functional.cross_entropy(scores, labels_N, label_smoothing=0.15)
    rows = losses.smoothed(functional.one_hot(labels_N, C).double(), 0.15)
    torch.testing.assert_close(losses.soft_cross_entropy(scores, rows), theirs)
    assert rows[0].tolist() == pytest.approx([0.85 + 0.0375, 0.0375, 0.0375, 0.0375])


def test_smoothing_keeps_the_sum_of_a_row() -> None:
    rows = losses.smoothed(torch.tensor([[0.0, 0, 0, 0], [0.5, 0.25, 0, 0]]), 0.4)
    assert rows[0].tolist() == [0, 0, 0, 0]
    assert rows[1].tolist() == pytest.approx([0.375, 0.225, 0.075, 0.075])


def test_divergence_is_zero_with_zero_gradient_where_the_scores_meet_the_labels() -> None:
    scores = torch.tensor([[0.1, 0.2, 0.7]]).log().requires_grad_()
    loss = losses.kl_divergence(scores, torch.tensor([[0.1, 0.2, 0.7]]))
    (gradient,) = torch.autograd.grad(loss, scores)
    assert loss.item() == pytest.approx(0, abs=1e-7)
    torch.testing.assert_close(gradient, torch.zeros(1, 3), atol=1e-7, rtol=0)


def test_divergence_and_cross_entropy_pull_alike() -> None:
    pulls: list[Tensor] = []
    for loss in (losses.kl_divergence, losses.soft_cross_entropy):
        scores = torch.tensor(drawn(N, C), requires_grad=True)
        value = loss(scores, torch.from_numpy(LABELS_NC), torch.from_numpy(WEIGHTS_C))
        pulls += torch.autograd.grad(value, scores)
    torch.testing.assert_close(*pulls)


@pytest.mark.parametrize("case", ["soft", "kl", "bce", "asymmetric", "hardest"])
def test_690_emotions_in_float32_come_near_to_float64_even_with_huge_scores(case: str) -> None:
    rng = np.random.default_rng(0)
    loss, labels_NC = CASES[case][0], (rng.random((8, 690)) < 0.01).astype(np.float64)
    target = labels_NC / np.maximum(1, labels_NC.sum(axis=1, keepdims=True))
    target = target if case in ("soft", "kl") else labels_NC
    scores_NC = rng.normal(size=(8, 690)) * np.array([1, 1, 10, 10, 100, 1e3, 1e4, 1e6])[:, None]
    found = []
    for dtype in (torch.float32, torch.float64):
        scores = torch.tensor(scores_NC, dtype=dtype, requires_grad=True)
        value = loss(scores, torch.tensor(target, dtype=dtype))
        (gradient,) = torch.autograd.grad(value, scores)
        assert gradient.isfinite().all()
        found.append((value.double(), gradient.double()))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-7)


def test_easy_negatives_cost_nothing_and_pull_nothing() -> None:
    scores = torch.tensor([[-3.0, 2.0]], requires_grad=True)  # sigmoid(-3) is 0.047, within the margin
    loss = losses.asymmetric_loss(scores, torch.tensor([[0.0, 1.0]]))
    (gradient,) = torch.autograd.grad(loss, scores)
    p = 1 / (1 + math.exp(-2.0))
    assert loss.item() == pytest.approx(-(1 - p) * math.log(p) / 2)
    assert gradient[0, 0] == 0
    assert gradient[0, 1] < 0


def test_concordance_by_hand_and_as_it_is_scored() -> None:
    true = torch.tensor([[1.0], [2.0], [3.0]])
    assert losses.concordance_loss(true, true).item() == pytest.approx(0)
    assert losses.concordance_loss(4 - true, true).item() == pytest.approx(2)
    # shifted by 1: 2 * 2/3 / (2/3 + 2/3 + 1) = 4/7
    assert losses.concordance_loss(true + 1, true).item() == pytest.approx(1 - 4 / 7)
    told_N, true_N = drawn(40), drawn(40, seed=1) + 1
    ours = losses.concordance_loss(torch.from_numpy(told_N[:, None]), torch.from_numpy(true_N[:, None]))
    assert ours.item() == pytest.approx(1 - float(concordances(told_N, true_N, np.ones((40, 1)))[0]))


@pytest.mark.parametrize(
    ("true", "value"),
    [
        ([[NAN, NAN]] * 3, 0.0),
        ([[5.0, NAN], [NAN, NAN], [NAN, 2.0]], 0.0),  # one image knows each
        ([[1.0, 1.0]] * 3, 1.0),  # told to the point, but nothing varies
    ],
)
def test_where_no_concordance_can_be_told_nothing_is_learned(true: list[list[float]], value: float) -> None:
    told = torch.ones(3, 2, requires_grad=True)
    loss = losses.concordance_loss(told, torch.tensor(true))
    (gradient,) = torch.autograd.grad(loss, told)
    assert loss.item() == value
    assert torch.equal(gradient, torch.zeros(3, 2))


def test_unknown_values_neither_count_nor_pull() -> None:
    told = torch.tensor(drawn(N, K) + 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(losses.concordance_loss(told, torch.from_numpy(TRUE_NK)), told)
    one_known = np.array([True, True, False])  # of the last dimension a single value is known
    assert ((gradient.numpy() != 0) == (~np.isnan(TRUE_NK) & one_known)).all()


def test_concordance_and_the_asymmetric_loss_are_summed_in_the_precision_of_the_labels() -> None:
    told = torch.linspace(4.0, 4.1, 50)[:, None].bfloat16()
    true = torch.linspace(1.0, 9.0, 50)[:, None]
    assert losses.concordance_loss(told, true) == losses.concordance_loss(told.float(), true)
    labels = (true > 5).float()
    assert losses.asymmetric_loss(told, labels) == losses.asymmetric_loss(told.float(), labels)


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        (losses.kl_divergence, "scores and targets must have one (N, C) shape"),
        (losses.asymmetric_loss, "scores and labels must have one (N, C) shape"),
        (losses.concordance_loss, "told and true values must have one (N, K) shape"),
    ],
)
def test_shape_error_shows_both_shapes(loss: Fast, names: str) -> None:
    with pytest.raises(ValueError, match="must have one") as error:
        loss(torch.zeros(2, 3), torch.zeros(2, 4))
    assert str(error.value) == f"{names}; got (2, 3) and (2, 4)"
