"""From a table of predictions to what scores are made of: told and true, for each group or each person.

Shape letters: N = rows of the table, U = units, C = emotions, K = dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.evaluation.class_metrics import Singles
from emotionnet.evaluation.metrics import Floats, Labels
from emotionnet.evaluation.predictions import Tells, rows
from emotionnet.evaluation.scores import Told, Truth
from emotionnet.evaluation.units import group_index, pool_labels, pool_scores, pool_told
from emotionnet.records import DataError


@dataclass(frozen=True)
class Pooled:
    """What a run told of U units and what is true of them; `ids` are those of the groups or persons.

    `unit` is "group", or "person" where a unit is one row and rows of one picture share a group.
    """

    unit: str
    ids: tuple[str, ...]
    told: Told
    truth: Truth

    @property
    def scores(self) -> Floats:
        """What ranks; float64, shape (U, C)."""
        assert self.told.scores_UC is not None  # a run's table always has scores
        return self.told.scores_UC

    @property
    def probabilities(self) -> Floats:
        """Float64, 0 to 1, shape (U, C)."""
        assert self.told.probabilities_UC is not None  # a run's scores become some
        return self.told.probabilities_UC


def by_group(table: pl.DataFrame, model: Tells, *, temperature: float = 1.0) -> Pooled:
    """Groups of pictures as units, in the order in which they first appear.

    Told: see `units.pool_told`; dimensions are means. True: labels that any picture has; the single label
    that all pictures with one agree on; means of the pictures' shares and of their known dimensions.

    Args:
        table: As `predictions.read_predictions` gives it, emotions and dimensions in the order of `model`.
        model: What told it.
        temperature: Divides the scores before softmax or sigmoid.

    Raises:
        DataError: The table is of other emotions or dimensions.
    """
    groups, emotions = table["group"].to_list(), model.emotions
    scores_NC = _scores(table, emotions) / np.float32(temperature)
    scores_GC, probabilities_GC = pool_told(scores_NC, groups, model.activation)
    told_NK, true_NK = _dimensions(table, model)
    return Pooled(
        unit="group",
        ids=tuple(dict.fromkeys(groups)),
        told=Told(scores_GC, probabilities_GC, None if told_NK is None else pool_scores(told_NK, groups)),
        truth=Truth(
            labels_UC=pool_labels(_labels(table, emotions), groups),
            single_U=_agreed(_single(table, emotions), groups),
            shares_UC=_mean_shares(_shares(table, emotions), groups),
            dimensions_UK=None if true_NK is None else _known_means(true_NK, groups),
            names=emotions,
            dimension_names=model.dimensions,
        ),
    )


def by_person(table: pl.DataFrame, model: Tells, *, temperature: float = 1.0) -> Pooled | None:
    """Persons as units, who come and go with their picture; None where not all rows are persons.

    Arguments and errors as `by_group`.
    """
    if not (table["box"].list.len() > 0).all():
        return None
    emotions, ids = model.emotions, tuple(table["id"].to_list())
    scores_NC = _scores(table, emotions) / np.float32(temperature)
    scores_UC, probabilities_UC = pool_told(
        scores_NC, [str(row) for row in range(len(ids))], model.activation
    )
    told_NK, true_NK = _dimensions(table, model)
    return Pooled(
        unit="person",
        ids=ids,
        told=Told(scores_UC, probabilities_UC, told_NK),
        truth=Truth(
            labels_UC=_labels(table, emotions),
            single_U=_single(table, emotions),
            shares_UC=_shares(table, emotions),
            dimensions_UK=true_NK,
            names=emotions,
            dimension_names=model.dimensions,
            groups_U=group_index(table["group"].to_list()),
        ),
    )


def _scores(table: pl.DataFrame, emotions: Sequence[str]) -> npt.NDArray[np.float32]:
    found_NC = rows(table["scores"], len(emotions)).astype(np.float32)
    if not np.isfinite(found_NC).all():
        raise DataError("predictions must have a finite score of each emotion; evaluate the run again")
    return found_NC


def _labels(table: pl.DataFrame, emotions: Sequence[str]) -> Labels:
    place = _places(emotions)
    labels_NC = np.zeros((table.height, len(emotions)), dtype=np.bool_)
    for row, names in enumerate(table["labels"].to_list()):
        labels_NC[row, [place(name) for name in names or ()]] = True
    return labels_NC


def _single(table: pl.DataFrame, emotions: Sequence[str]) -> Singles | None:
    place, names = _places(emotions), table["single"].to_list()
    if not any(name is not None for name in names):
        return None
    return np.array([-1 if name is None else place(name) for name in names], dtype=np.int64)


def _places(emotions: Sequence[str]) -> Any:
    """A function from an emotion to its place."""
    places = {name: place for place, name in enumerate(emotions)}

    def place(name: str) -> int:
        if name not in places:
            raise DataError(
                f"predictions must be of the run's emotions; got {name!r}; evaluate the run again"
            )
        return places[name]

    return place


def _shares(table: pl.DataFrame, emotions: Sequence[str]) -> Floats | None:
    """Rows that sum to 1, or to 0 where a picture has none; None where no picture has any."""
    shares_NC = np.nan_to_num(rows(table["shares"], len(emotions)))
    return shares_NC if shares_NC.any() else None


def _dimensions(table: pl.DataFrame, model: Tells) -> tuple[Floats | None, Floats | None]:
    """Told and true dimensions; None each where the run tells none, or none is known."""
    if not model.dimensions:
        return None, None
    told_NK = rows(table["dimensions"], len(model.dimensions))
    true_NK = rows(table["true_dimensions"], len(model.dimensions))
    return (None, None) if np.isnan(true_NK).all() else (told_NK, true_NK)


def _agreed(single_N: Singles | None, groups: Sequence[str]) -> Singles | None:
    """The single label of each group whose pictures do not differ in it, -1 elsewhere; None without any."""
    if single_N is None:
        return None
    index_N = group_index(groups)
    highest_G = np.full(int(index_N.max()) + 1, -1, dtype=np.int64)
    lowest_G = np.full(len(highest_G), np.iinfo(np.int64).max)
    known_N = single_N >= 0
    np.maximum.at(highest_G, index_N[known_N], single_N[known_N])
    np.minimum.at(lowest_G, index_N[known_N], single_N[known_N])
    agreed_G: Singles = np.where(highest_G == lowest_G, highest_G, -1)
    return agreed_G if (agreed_G >= 0).any() else None


def _mean_shares(shares_NC: Floats | None, groups: Sequence[str]) -> Floats | None:
    """Means over the pictures of a group that have shares; zeros where none has."""
    if shares_NC is None:
        return None
    sums_GC = pool_scores(shares_NC, groups)
    total_G = sums_GC.sum(axis=1, keepdims=True)
    means_GC: Floats = np.divide(sums_GC, total_G, out=np.zeros_like(sums_GC), where=total_G > 0)
    return means_GC


def _known_means(values_NK: Floats, groups: Sequence[str]) -> Floats:
    """Means over the pictures of a group whose value is known; NaN where none is."""
    known_GK = pool_scores(~np.isnan(values_NK), groups)
    sums_GK = pool_scores(np.nan_to_num(values_NK), groups)
    means_GK: Floats = np.full_like(sums_GK, np.nan)
    return np.divide(sums_GK, known_GK, out=means_GK, where=known_GK > 0)
