"""Which loss on which head, with which weight.

Shape letters: N = samples of a batch, M = samples of the split, C = emotions,
D = embedding size, A = classes of the second head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from emotionnet.evaluation.metrics import hit_rate, macro_map
from emotionnet.evaluation.units import Split, pool_labels, pool_scores
from emotionnet.losses import distillation_loss, embedding_distance, soft_cross_entropy
from emotionnet.models.network import EmotionOutput
from emotionnet.text.teacher import TextOutput


class Objective(Protocol):
    """What a module is trained for on one split."""

    @property
    def criterion(self) -> str:
        """The score whose highest value on the validation split marks the best epoch."""
        ...

    def losses(self, output: Any, indices: Tensor) -> dict[str, Tensor]:
        """Scalar terms by name, batch means; `loss` is what is minimised."""
        ...

    def scores(self, scores_MC: npt.NDArray[np.float32], indices: npt.NDArray[np.int64]) -> dict[str, float]:
        """Scores of a whole split by name."""
        ...


def split_scores(
    split: Split, scores_MC: npt.NDArray[np.float32], indices: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Macro mAP and hit rate per group, over those pictures of a split that `indices` names."""
    groups = [split.groups[index] for index in indices]
    pooled_GC, labels_GC = pool_scores(scores_MC, groups), pool_labels(split.labels[indices], groups)
    return {"macro_map": macro_map(pooled_GC, labels_GC)[0], "hit_rate": hit_rate(pooled_GC, labels_GC)}


@dataclass(frozen=True)
class ImageObjective:
    """total = classification + alpha * embedding + beta * distillation (Wei et al. 2020, section 4).

    `distribution_MC` holds 1/k for each of an image's k labels; `target_MD` and
    `teacher_MA` (scores before softmax) may be None where the network has no such head.
    """

    split: Split
    distribution_MC: Tensor
    target_MD: Tensor | None
    teacher_MA: Tensor | None
    alpha: float
    beta: float
    criterion: str = "macro_map"

    def losses(self, output: EmotionOutput, indices: Tensor) -> dict[str, Tensor]:
        """The terms that the network's heads allow."""
        terms = {
            "classification": soft_cross_entropy(
                output.scores, self._rows(self.distribution_MC, output, indices)
            )
        }
        total = terms["classification"]
        if output.projection is not None and self.target_MD is not None:
            target_ND = self._rows(self.target_MD, output, indices)
            terms["embedding"] = embedding_distance(output.projection, target_ND)
            total = total + self.alpha * terms["embedding"]
        if output.aux_scores is not None and self.teacher_MA is not None:
            teacher_NA = self._rows(self.teacher_MA, output, indices)
            terms["distillation"] = distillation_loss(output.aux_scores, teacher_NA)
            total = total + self.beta * terms["distillation"]
        return {"loss": total, **terms}

    def scores(self, scores_MC: npt.NDArray[np.float32], indices: npt.NDArray[np.int64]) -> dict[str, float]:
        """See `split_scores`."""
        return split_scores(self.split, scores_MC, indices)

    @staticmethod
    def _rows(table: Tensor, output: EmotionOutput, indices: Tensor) -> Tensor:
        return table[indices].to(output.scores.device)


@dataclass(frozen=True)
class TeacherObjective:
    """Soft cross-entropy against the label distribution; best by hit rate (Wei et al. 2020, section 4)."""

    split: Split
    distribution_MC: Tensor
    criterion: str = "hit_rate"

    def losses(self, output: TextOutput, indices: Tensor) -> dict[str, Tensor]:
        """The one term there is."""
        return {
            "loss": soft_cross_entropy(output.scores, self.distribution_MC[indices].to(output.scores.device))
        }

    def scores(self, scores_MC: npt.NDArray[np.float32], indices: npt.NDArray[np.int64]) -> dict[str, float]:
        """See `split_scores`."""
        return split_scores(self.split, scores_MC, indices)
