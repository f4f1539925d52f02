"""What a model says of units, and what is known of them.

Shape letters: U = units, C = classes, K = dimensions, S = resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.evaluation.class_metrics import Singles
from emotionnet.evaluation.metrics import Floats, Labels


@dataclass(frozen=True)
class Told:
    """What a model says of U units; None what it says nothing of.

    `scores_UC` rank: probabilities, log-odds or cosines, the larger the likelier. `probabilities_UC` are
    those of softmax or sigmoid, 0 to 1. `dimensions_UK` are in the unit of the truth.
    """

    scores_UC: Floats | None
    probabilities_UC: Floats | None
    dimensions_UK: Floats | None = None


@dataclass(frozen=True)
class Truth:
    """What is known of U units.

    `single_U` is the class of each unit that has a single one, -1 elsewhere; None: units may have several.
    `shares_UC` are label distributions, rows that sum to 1, or to 0 where there is none; `dimensions_UK` are
    NaN where not known. `names` are the classes, `dimension_names` the dimensions. `groups_U` numbers the
    group of each unit; None: each its own.
    """

    labels_UC: Labels
    single_U: Singles | None
    shares_UC: Floats | None = None
    dimensions_UK: Floats | None = None
    names: tuple[str, ...] = ()
    dimension_names: tuple[str, ...] = ()
    groups_U: npt.NDArray[np.intp] | None = None


def count_groups(truth: Truth, kept_U: Labels) -> int:
    """How many groups some of the units are of."""
    return int(kept_U.sum()) if truth.groups_U is None else len(np.unique(truth.groups_U[kept_U]))


def require_fit(told: Told, truth: Truth, weights_US: Floats) -> None:
    """Check that everything has a row for each unit and a column for each class or dimension.

    Raises:
        ValueError: It has not, or a probability is not from 0 to 1.
    """
    units, classes = truth.labels_UC.shape
    dimensions = len(truth.dimension_names)
    wrong = [
        f"{name} {array.shape}, not {shape}"
        for name, array, shape in (
            ("scores", told.scores_UC, (units, classes)),
            ("probabilities", told.probabilities_UC, (units, classes)),
            ("told dimensions", told.dimensions_UK, (units, dimensions)),
            ("single labels", truth.single_U, (units,)),
            ("shares", truth.shares_UC, (units, classes)),
            ("dimensions", truth.dimensions_UK, (units, dimensions)),
            ("groups", truth.groups_U, (units,)),
            ("weights", weights_US, (units, *weights_US.shape[1:])),
        )
        if array is not None and array.shape != shape
    ]
    if wrong or len(truth.names) not in (0, classes):
        found = "; ".join(wrong) or f"{len(truth.names)} names for {classes} classes"
        raise ValueError(
            f"what is told and known must have one row for each unit, one column for each class; {found}"
        )
    probabilities_UC: npt.NDArray[Any] | None = told.probabilities_UC
    if probabilities_UC is not None and not ((probabilities_UC >= 0) & (probabilities_UC <= 1)).all():
        raise ValueError("probabilities must be from 0 to 1")
