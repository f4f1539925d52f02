"""What a text teacher learns. Shape letters: M = sentences of the split, C = emotions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from emotionnet.evaluation.units import Split
from emotionnet.losses import soft_cross_entropy
from emotionnet.text.teacher import TextOutput
from emotionnet.training.objective import split_scores


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
