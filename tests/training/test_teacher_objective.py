"""What a text teacher learns."""

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


def test_teacher_pays_the_soft_cross_entropy() -> None:
    scores = torch.tensor([[math.log(3.0), 0.0]])
    terms = TeacherObjective(SPLIT, DISTRIBUTION_MC).losses(
        TextOutput(scores=scores, features=torch.zeros(1, 2)), torch.tensor([0])
    )
    assert terms["loss"].item() == pytest.approx(-math.log(3 / 4))
