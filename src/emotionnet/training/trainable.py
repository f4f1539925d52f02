"""Whether a split can be trained on, and whether a score can tell epochs apart on it."""

from __future__ import annotations

import numpy as np

from emotionnet.data.store import Dataset
from emotionnet.evaluation.units import Split
from emotionnet.records import ConfigError, DataError
from emotionnet.training.objective import Dimensions

_BY_SIDES = ("macro_map", "hit_rate")  # full marks for any network where no picture lacks an emotion


def require_emotions(dataset: Dataset) -> None:
    """Check that there are emotions to tell apart; a head for dimensions stands beside them, never alone.

    Raises:
        DataError: The data set has fewer than two.
    """
    count = len(dataset.emotions)
    if count < 2:
        more = "; dimensions are learned beside labels" if dataset.dimension_names else ""
        raise DataError(f"{dataset.root}: must have at least 2 emotions to train on; has {count}{more}")


def require_trainable(dataset: Dataset, split: Split, *, learns: bool, labelled: bool = True) -> None:
    """Check that there is something to learn.

    Args:
        dataset: The data set.
        split: One of its splits.
        learns: Whether this split is trained on.
        labelled: Whether each picture must have a label.

    Raises:
        DataError: As `require_emotions`; a picture has no label where it must, or there is a single picture
            to train on.
    """
    require_emotions(dataset)
    bare = [record.id for record in split.records if not record.labels]
    if bare and labelled:
        raise DataError(
            f"{dataset.root}: every picture must have a label; {len(bare)} have none, first {bare[0]}"
        )
    if learns and len(split.records) < 2:
        raise DataError(f"{dataset.root}: the train split must hold at least 2 pictures; BatchNorm needs two")


def require_dimensions(dataset: Dataset, name: str, split: Split, dimensions: Dimensions) -> None:
    """Check that two groups of a split know each dimension: one alone shows no concordance.

    Args:
        dataset: The data set.
        name: One of its splits that is trained or validated on.
        split: What that split holds.
        dimensions: Those of the split.

    Raises:
        ConfigError: There are none, or fewer groups; one line for each dimension.
    """
    if not dimensions.names:
        raise ConfigError(
            f"objective.dimensions: must be 'none' for pictures without dimensions; {dataset.root} has none"
        )
    faults = []
    for dimension, true_M in zip(dimensions.names, dimensions.true_MK.T, strict=True):
        count = len({split.groups[row] for row in np.flatnonzero(~np.isnan(true_M))})
        if count < 2:
            faults.append(
                f"objective.dimensions: at least 2 groups of {name} must have {dimension}; "
                f"{dataset.root} has {count}"
            )
    if faults:
        raise ConfigError(faults)


def require_telling(split: Split, criterion: str) -> None:
    """Check that the criterion can tell epochs apart on the validation split.

    Raises:
        ConfigError: It asks who carries an emotion and who does not, and all pictures carry all, as where
            labels are a teacher's shares.
    """
    if criterion in _BY_SIDES and split.labels.all():
        raise ConfigError(
            "objective.criterion: must be 'loss' where every validation picture carries every emotion, as "
            f"with soft labels; {criterion} is 1 there for any network"
        )
