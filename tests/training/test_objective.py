"""Which loss on which head, with which weight."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from emotionnet.evaluation.units import Split
from emotionnet.losses import soft_cross_entropy
from emotionnet.models.network import EmotionOutput
from emotionnet.training.objective import ImageObjective, Term, on_device, split_scores
from emotionnet.training.terms import Classification, Distillation, FixedTarget, rows_at

LABELS_MC = np.array([[1, 0], [0, 1], [1, 1]], dtype=bool)
SPLIT = Split(records=(), paths=(Path("a"), Path("b"), Path("c")), labels=LABELS_MC, groups=("x", "x", "y"))
DISTRIBUTION_MC = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])


def objective(*, alpha: float = 1.0, beta: float = 1.0) -> ImageObjective:
    target_MD = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    return ImageObjective(
        split=SPLIT,
        terms={
            "classification": Term(1.0, Classification(soft_cross_entropy, DISTRIBUTION_MC)),
            "embedding": Term(alpha, FixedTarget(target_MD)),
            "distillation": Term(beta, Distillation(torch.zeros(3, 4))),
        },
    )


def output() -> EmotionOutput:
    """Two images: undecided scores; projections at 0 and 90 degrees to the second one's target."""
    return EmotionOutput(
        features=torch.zeros(2, 5),
        scores=torch.zeros(2, 2),
        projection=torch.tensor([[2.0, 0.0], [3.0, 0.0]]),
        aux_scores=torch.zeros(2, 4),
    )


def test_three_terms_by_hand() -> None:
    terms = objective(alpha=0.5, beta=2.0).losses(output(), torch.tensor([2, 1]))
    assert terms["classification"].item() == pytest.approx(math.log(2))
    assert terms["embedding"].item() == pytest.approx((0.0 + 1.0) / 2)
    assert terms["distillation"].item() == pytest.approx(math.log(4))
    assert terms["loss"].item() == pytest.approx(math.log(2) + 0.5 * 0.5 + 2.0 * math.log(4))


@pytest.mark.parametrize("name", ["classification", "embedding", "distillation"])
def test_each_term_alone_is_the_loss(name: str) -> None:
    every = objective()
    alone = ImageObjective(SPLIT, {name: every.terms[name]}).losses(output(), torch.tensor([2, 1]))
    assert set(alone) == {"loss", name}
    assert alone["loss"].item() == every.losses(output(), torch.tensor([2, 1]))[name].item()


def test_scores_are_per_group_and_follow_the_indices() -> None:
    """Pictures 2, 0, 1 in that order: y first, then x as the mean of its two pictures."""
    scores_MC = np.array([[0.0, 1.0], [0.9, 0.2], [0.1, 0.2]], dtype=np.float32)
    result = split_scores(SPLIT, scores_MC, np.array([2, 0, 1]))
    assert result["hit_rate"] == 1.0
    assert result["macro_map"] == 1.0
    only_first = split_scores(SPLIT, np.array([[0.0, 1.0]], dtype=np.float32), np.array([0]))
    assert only_first["hit_rate"] == 0.0


def test_everything_that_is_compared_with_moves_to_the_device_once() -> None:
    there = torch.device("meta")
    moved = objective(alpha=0.5).to(there)
    terms = {name: term.value for name, term in moved.terms.items()}
    assert {name: moved.terms[name].weight for name in terms} == {
        "classification": 1.0,
        "embedding": 0.5,
        "distillation": 1.0,
    }
    tables = (terms["classification"].labels, terms["embedding"].target_MD, terms["distillation"].teacher_MA)  # type: ignore[attr-defined]
    assert all(table.device == there for table in tables)
    assert rows_at(tables[0], torch.tensor([2, 1]), there).device == there


def test_a_table_too_large_for_the_device_stays_and_its_rows_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotionnet.training.objective.LARGEST", 23)  # bytes: the labels take 24
    there = torch.device("meta")
    table = on_device(Classification(soft_cross_entropy, DISTRIBUTION_MC), there).labels
    assert table.device == DISTRIBUTION_MC.device
    assert rows_at(table, torch.tensor([2]), there).device == there


def test_on_the_same_device_nothing_changes() -> None:
    made = objective()
    assert made.to(torch.device("cpu")).losses(output(), torch.tensor([2, 1])) == made.losses(
        output(), torch.tensor([2, 1])
    )
    assert on_device(math.sqrt, torch.device("meta")) is math.sqrt
