"""Which loss on which head, with which weight."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from emotionnet.evaluation.units import Split
from emotionnet.models.network import EmotionOutput
from emotionnet.text.teacher import TextOutput
from emotionnet.training.objective import ImageObjective, TeacherObjective, split_scores

LABELS_MC = np.array([[1, 0], [0, 1], [1, 1]], dtype=bool)
SPLIT = Split(records=(), paths=(Path("a"), Path("b"), Path("c")), labels=LABELS_MC, groups=("x", "x", "y"))
DISTRIBUTION_MC = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])


def objective(*, alpha: float = 1.0, beta: float = 1.0) -> ImageObjective:
    return ImageObjective(
        split=SPLIT,
        distribution_MC=DISTRIBUTION_MC,
        target_MD=torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]),
        teacher_MA=torch.zeros(3, 4),
        alpha=alpha,
        beta=beta,
    )


def output(*, projection: bool = True, aux: bool = True) -> EmotionOutput:
    """Two images: undecided scores; projections at 0 and 90 degrees to the second one's target."""
    return EmotionOutput(
        features=torch.zeros(2, 5),
        scores=torch.zeros(2, 2),
        projection=torch.tensor([[2.0, 0.0], [3.0, 0.0]]) if projection else None,
        aux_scores=torch.zeros(2, 4) if aux else None,
    )


def test_three_terms_by_hand() -> None:
    terms = objective(alpha=0.5, beta=2.0).losses(output(), torch.tensor([2, 1]))
    assert terms["classification"].item() == pytest.approx(math.log(2))
    assert terms["embedding"].item() == pytest.approx((0.0 + 1.0) / 2)
    assert terms["distillation"].item() == pytest.approx(math.log(4))
    assert terms["loss"].item() == pytest.approx(math.log(2) + 0.5 * 0.5 + 2.0 * math.log(4))


def test_a_network_without_a_head_has_no_such_term() -> None:
    terms = objective().losses(output(projection=False, aux=False), torch.tensor([0, 1]))
    assert set(terms) == {"loss", "classification"}
    assert terms["loss"].item() == terms["classification"].item()


def test_teacher_pays_the_soft_cross_entropy() -> None:
    scores = torch.tensor([[math.log(3.0), 0.0]])
    terms = TeacherObjective(SPLIT, DISTRIBUTION_MC).losses(
        TextOutput(scores=scores, features=torch.zeros(1, 2)), torch.tensor([0])
    )
    assert terms["loss"].item() == pytest.approx(-math.log(3 / 4))


def test_scores_are_per_group_and_follow_the_indices() -> None:
    """Pictures 2, 0, 1 in that order: y first, then x as the mean of its two pictures."""
    scores_MC = np.array([[0.0, 1.0], [0.9, 0.2], [0.1, 0.2]], dtype=np.float32)
    result = split_scores(SPLIT, scores_MC, np.array([2, 0, 1]))
    assert result["hit_rate"] == 1.0
    assert result["macro_map"] == 1.0
    only_first = split_scores(SPLIT, np.array([[0.0, 1.0]], dtype=np.float32), np.array([0]))
    assert only_first["hit_rate"] == 0.0
