"""Which loss on which head, with which weight. Shape letters: M = samples of the split, C = emotions."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from emotionnet.evaluation.metrics import hit_rate, macro_map
from emotionnet.evaluation.units import Split, pool_labels, pool_scores
from emotionnet.models.network import EmotionOutput


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


class Term(NamedTuple):
    """One part of a loss: its weight, and what makes it of a batch's output and indices."""

    weight: float
    value: Callable[[EmotionOutput, Tensor], Tensor]


@dataclass(frozen=True)
class ImageObjective:
    """The weighted sum of its terms (Wei et al. 2020, section 4)."""

    split: Split
    terms: Mapping[str, Term]
    criterion: str = "macro_map"

    def losses(self, output: EmotionOutput, indices: Tensor) -> dict[str, Tensor]:
        """Every term, unweighted, and their weighted sum."""
        values = {name: term.value(output, indices) for name, term in self.terms.items()}
        weighted = [self.terms[name].weight * value for name, value in values.items()]
        return {"loss": functools.reduce(operator.add, weighted), **values}

    def scores(self, scores_MC: npt.NDArray[np.float32], indices: npt.NDArray[np.int64]) -> dict[str, float]:
        """See `split_scores`."""
        return split_scores(self.split, scores_MC, indices)
