"""What a text teacher learns. Shape letters: M = sentences of the split, C = emotions, G = groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from emotionnet.evaluation.metrics import top1
from emotionnet.evaluation.units import Split, pool_scores
from emotionnet.losses import soft_cross_entropy
from emotionnet.text.teacher import TextOutput
from emotionnet.training.objective import Indices, Rows, on_device, split_scores
from emotionnet.training.terms import rows_at


@dataclass(frozen=True)
class TeacherObjective:
    """Soft cross-entropy against the labels (Wei et al. 2020, section 4).

    `labels_MC` holds distributions, or ones that are not divided by their sum: such a row costs the sum
    over its labels.
    """

    split: Split
    labels_MC: Tensor
    criterion: str = "hit_rate"

    def to(self, device: torch.device) -> Self:
        """See `Objective`."""
        return on_device(self, device)

    def losses(self, output: TextOutput, indices: Tensor) -> dict[str, Tensor]:
        """The one term there is."""
        labels_NC = rows_at(self.labels_MC, indices, output.scores.device)
        return {"loss": soft_cross_entropy(output.scores, labels_NC)}

    def scores(
        self,
        scores_MC: Rows,
        indices: Indices,
        dimensions_MK: Rows | None = None,  # noqa: ARG002 a teacher tells none
    ) -> dict[str, float]:
        """See `split_scores`; and `top1` per group, its label values the mean over its sentences."""
        groups = [self.split.groups[index] for index in indices]
        pooled_GC, values_GC = (
            pool_scores(rows_MC, groups) for rows_MC in (scores_MC, self.labels_MC.cpu().numpy()[indices])
        )
        return {**split_scores(self.split, scores_MC, indices), "top1": top1(pooled_GC, values_GC)}
