"""Which loss on which head, with which weight.

Shape letters: M = samples of the split, C = emotions, K = dimensions such as valence.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from emotionnet.evaluation.dimension_metrics import concordances
from emotionnet.evaluation.metrics import hit_rate, macro_map
from emotionnet.evaluation.units import Split, pool_labels, pool_scores
from emotionnet.models.network import EmotionOutput

Rows = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Holder = TypeVar("Holder")
LARGEST = 2**31  # bytes of a tensor that is kept on a GPU


class Objective(Protocol):
    """What a module is trained for on one split."""

    @property
    def criterion(self) -> str:
        """The score whose highest value on the validation split marks the best epoch."""
        ...

    def to(self, device: torch.device) -> Self:
        """The same with what outputs are compared with on a device, so that no step waits for a transfer."""
        ...

    def losses(self, output: Any, indices: Tensor) -> dict[str, Tensor]:
        """Scalar terms by name, batch means; `loss` is what is minimised. The indices are on the CPU."""
        ...

    def scores(
        self, scores_MC: Rows, indices: Indices, dimensions_MK: Rows | None = None
    ) -> dict[str, float]:
        """Scores of a whole split by name; the module's `dimensions` come along where it has them."""
        ...


def on_device(holder: Holder, device: torch.device) -> Holder:
    """A dataclass with its tensors on a device, but for those above `LARGEST`; anything else as it is."""
    if not is_dataclass(holder) or isinstance(holder, type):
        return holder
    held = {field.name: getattr(holder, field.name) for field in fields(holder)}
    moved = {
        name: value.to(device)
        for name, value in held.items()
        if isinstance(value, Tensor) and value.nbytes <= LARGEST
    }
    return replace(holder, **moved)


def split_scores(split: Split, scores_MC: Rows, indices: Indices) -> dict[str, float]:
    """Macro mAP and hit rate per group, over those pictures of a split that `indices` names."""
    groups = [split.groups[index] for index in indices]
    pooled_GC, labels_GC = pool_scores(scores_MC, groups), pool_labels(split.labels[indices], groups)
    return {"macro_map": macro_map(pooled_GC, labels_GC)[0], "hit_rate": hit_rate(pooled_GC, labels_GC)}


@dataclass(frozen=True)
class Dimensions:
    """Names and true values of valence and the like on one split; NaN where not known."""

    names: tuple[str, ...]
    true_MK: npt.NDArray[np.float32]


def dimension_scores(
    split: Split, dimensions: Dimensions, told_MK: Rows, indices: Indices
) -> dict[str, float]:
    """Concordance of each dimension, `ccc.<name>`, and their mean, `ccc`.

    Told and true values are means over those pictures of a group whose true value is known. A dimension
    that fewer than two groups know shows no concordance: 0.
    """
    found = {}
    for column, name in enumerate(dimensions.names):
        true_M = dimensions.true_MK[indices, column]
        known_M = ~np.isnan(true_M)
        groups = [split.groups[index] for index in indices[known_M]]
        pairs_M2 = np.stack([told_MK[known_M, column], true_M[known_M]], axis=1)
        told_G, true_G = pool_scores(pairs_M2, groups).T
        enough = len(told_G) >= 2
        found[f"ccc.{name}"] = (
            float(concordances(told_G, true_G, np.ones((len(told_G), 1)))[0]) if enough else 0.0
        )
    return {"ccc": float(np.mean(list(found.values()))), **found}


class Term(NamedTuple):
    """One part of a loss: its weight, and what makes it of a batch's output and indices."""

    weight: float
    value: Callable[[EmotionOutput, Tensor], Tensor]


@dataclass(frozen=True)
class ImageObjective:
    """The weighted sum of its terms (Wei et al. 2020, section 4).

    `dimensions` are what the module's head for them is scored by, where it has one.
    """

    split: Split
    terms: Mapping[str, Term]
    criterion: str = "macro_map"
    dimensions: Dimensions | None = None

    def to(self, device: torch.device) -> Self:
        """See `Objective`."""
        moved = {name: Term(term.weight, on_device(term.value, device)) for name, term in self.terms.items()}
        return replace(self, terms=moved)

    def losses(self, output: EmotionOutput, indices: Tensor) -> dict[str, Tensor]:
        """Every term, unweighted, and their weighted sum."""
        values = {name: term.value(output, indices) for name, term in self.terms.items()}
        weighted = [self.terms[name].weight * value for name, value in values.items()]
        return {"loss": functools.reduce(operator.add, weighted), **values}

    def scores(
        self, scores_MC: Rows, indices: Indices, dimensions_MK: Rows | None = None
    ) -> dict[str, float]:
        """See `split_scores` and `dimension_scores`."""
        found = split_scores(self.split, scores_MC, indices)
        if self.dimensions is None or dimensions_MK is None:
            return found
        return {**found, **dimension_scores(self.split, self.dimensions, dimensions_MK, indices)}
