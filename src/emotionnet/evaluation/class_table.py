"""What each emotion scores by itself, beside chance. Shape letters: G = groups, C = emotions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.evaluation.chance import chance_average_precisions
from emotionnet.evaluation.intervals import Estimate, class_scores
from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.resampling import draw_weights


@dataclass(frozen=True)
class ClassScore:
    """One emotion's row of the per-class table; the unit is the group.

    `ap` and `auc` are 0 to 1, None where the emotion has no positive (or, for `auc`, no
    negative) group; `chance` is the mean AP of random scores, `prevalence` the share of positives.
    """

    emotion: str
    positives: int
    ap: Estimate | None
    auc: Estimate | None
    chance: float | None
    prevalence: float


def class_table(
    scores_GC: npt.NDArray[Any], labels_GC: Labels, emotions: tuple[str, ...], *, seed: int
) -> tuple[ClassScore, ...]:
    """One row for each emotion, in their order.

    Args:
        scores_GC: Float, shape (G, C), the larger the likelier.
        labels_GC: Boolean, shape (G, C).
        emotions: The C names.
        seed: Of the weights of the intervals, and of the random scores that `chance` is the mean over.
    """
    found = class_scores(scores_GC, labels_GC, draw_weights(len(labels_GC), seed=seed))
    chance_C = chance_average_precisions(labels_GC, seed=seed)
    return tuple(
        ClassScore(
            emotion=name,
            positives=int(positive_G.sum()),
            ap=None if ap is None else ap.estimate(),
            auc=None if auc is None else auc.estimate(),
            chance=None if np.isnan(chance) else float(chance),
            prevalence=float(positive_G.mean()),
        )
        for name, positive_G, ap, auc, chance in zip(
            emotions, labels_GC.T, found.precisions, found.aucs, chance_C, strict=True
        )
    )
