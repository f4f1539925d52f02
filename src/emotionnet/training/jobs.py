"""What a config and a DATASET become: everything that the loop needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from emotionnet.data.store import Dataset
from emotionnet.models.description import Domain
from emotionnet.training.parts import Part


@dataclass(frozen=True)
class Job:
    """What the loop trains; `describe` writes what a RUN holds beside its weights.

    `frozen` parts stay in evaluation mode; `tutor` trains along and is not kept. `facts` are numbers that
    were found before training, for the run's scores. Where `scores` of the validation split are there, too,
    nothing is left to train.
    """

    module: nn.Module
    train: Part
    val: Part
    frozen: Sequence[nn.Module]
    describe: Callable[[Path], None]
    tutor: nn.Module | None = None
    facts: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] | None = None


def domain(dataset: Dataset) -> Domain:
    """What a model that is trained on a data set says of it."""
    return Domain(
        dataset=dataset.name,
        data_hash=dataset.content_hash,
        licences=dataset.licences,
        unseen=dataset.unseen_names,
    )
