"""`predictions/<split>.parquet` of a RUN: what it told of every picture beside what is true of it.

The table has all that scores are made of, so that they can be made again, and two runs held against each
other, without the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.data.store import Dataset
from emotionnet.data.tables import read_parquet, write_parquet
from emotionnet.evaluation.metrics import Floats
from emotionnet.evaluation.single_labels import one_hot_labels
from emotionnet.evaluation.subject import Subject
from emotionnet.evaluation.units import Split
from emotionnet.inference.outputs import Outputs
from emotionnet.inference.torch_backend import probabilities
from emotionnet.records import DataError, ImageRecord, first_line
from emotionnet.runs import PREDICTIONS

NEAREST_TAGS = 5
DIMENSIONS = ("valence", "arousal", "dominance")  # those of records, where a data set names none
PREDICTION_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "path": pl.String(),
        "group": pl.String(),
        "labels": pl.List(pl.String()),
        "probabilities": pl.List(pl.Float32()),
        "tags": pl.List(pl.String()),
        "scores": pl.List(pl.Float32()),
        "dimensions": pl.List(pl.Float32()),
        "single": pl.String(),
        "shares": pl.List(pl.Float64()),
        "true_dimensions": pl.List(pl.Float64()),
        "box": pl.List(pl.Float64()),
    }
)


class Tells(Protocol):
    """What stands behind a table: emotions in order, how scores become probabilities, names of dimensions.

    An `ImageModel` does; so does a `Teller`.
    """

    @property
    def emotions(self) -> tuple[str, ...]: ...
    @property
    def activation(self) -> Literal["softmax", "sigmoid", "none"]: ...
    @property
    def dimensions(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Teller:
    """Whatever tells labels that a run was not trained on; activation none: its scores rank, and no more."""

    emotions: tuple[str, ...]
    activation: Literal["softmax", "sigmoid", "none"]
    dimensions: tuple[str, ...] = ()


def prediction_table(subject: Subject, split: Split, outputs: Outputs) -> pl.DataFrame:
    """What a run tells of a split, with the words nearest to the projection; see `table_of`."""
    tags = _nearest_tags(subject, outputs)
    return table_of(subject.dataset, split, subject.predictor.model, outputs, tags=tags)


def table_of(
    dataset: Dataset,
    split: Split,
    teller: Tells,
    outputs: Outputs,
    *,
    tags: Sequence[Sequence[str]] | None = None,
) -> pl.DataFrame:
    """One row for each picture, or person, of a split; columns as in `PREDICTION_SCHEMA`.

    `scores` (before softmax or sigmoid), `probabilities` and `shares` follow the order of the teller's
    emotions, `dimensions` that of its dimensions. `single` is the picture's label where the data set has
    single labels (`single_labels`), `shares` sum to 1 where labels are weighted, `true_dimensions` are in the
    order of `dimensions`, NaN where one is not known, `box` is the record's. What a teller or a data set does
    not have is empty.
    """
    records, emotions, dimensions = split.records, teller.emotions, outputs.dimensions
    none: list[list[float]] = [[]] * len(records)
    how = teller.activation
    return pl.DataFrame(
        {
            "id": [record.id for record in records],
            "path": [record.path for record in records],
            "group": split.groups,
            "labels": [[emotions[i] for i in np.flatnonzero(row)] for row in split.labels],
            "probabilities": none if how == "none" else _lists(probabilities(outputs.scores, how)),
            "tags": none if tags is None else tags,
            "scores": _lists(outputs.scores),
            "dimensions": none if dimensions is None else _lists(dimensions),
            "single": _single(dataset, split, emotions),
            "shares": _shares(records, dataset.emotion_names, emotions),
            "true_dimensions": true_dimensions(dataset, teller.dimensions, records),
            "box": [list(record.box) for record in records],
        },
        schema=PREDICTION_SCHEMA,
    )


def write_predictions(run: Path, split: str, table: pl.DataFrame) -> None:
    """Write the table of a split into a RUN."""
    write_parquet(run / PREDICTIONS / f"{split}.parquet", table)


def read_predictions(run: Path, split: str = "test") -> pl.DataFrame:
    """Every prediction on a split, columns as in `PREDICTION_SCHEMA`.

    Raises:
        DataError: The run was not evaluated on the split, or by an earlier version, or the table is broken.
    """
    path = run / PREDICTIONS / f"{split}.parquet"
    if not path.is_file():
        raise DataError(f"{path}: file not found; 'emotionnet evaluate {run}' writes it")
    return read_table(path)


def read_table(path: Path) -> pl.DataFrame:
    """A table of predictions, columns as in `PREDICTION_SCHEMA`.

    Raises:
        DataError: It is missing or broken, or an earlier version wrote it.
    """
    names = PREDICTION_SCHEMA.names()
    try:
        table = read_parquet(path)
        if "probabilities" in table.columns and "scores" not in table.columns:
            raise DataError("it was written by an earlier version: evaluate the run again")
        return table.select(names).cast(PREDICTION_SCHEMA)
    except (DataError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: must have the columns {', '.join(names)}; {first_line(error)}") from None


def rows(column: pl.Series, size: int) -> Floats:
    """A column of lists as an array; a row of NaN where a list is empty.

    Args:
        column: Lists of numbers, each empty or of one length.
        size: That length.

    Returns:
        Float64, shape (N, size).

    Raises:
        DataError: A list is of another length.
    """
    lengths_N = column.list.len().fill_null(0).to_numpy()
    odd = lengths_N[(lengths_N != 0) & (lengths_N != size)]
    if len(odd):
        raise DataError(
            f"predictions must have {size} numbers each in {column.name}; one has {odd[0]}; "
            "evaluate the run again"
        )
    found_NS = np.full((len(column), size), np.nan)
    full_N = lengths_N > 0
    found_NS[full_N] = column.filter(full_N).explode().to_numpy().reshape(full_N.sum(), size)
    return found_NS


def _lists(rows_NS: npt.NDArray[Any]) -> pl.Series:
    """The rows of an array as a column of lists; number by number it would take minutes for a large split."""
    return pl.Series(rows_NS).cast(pl.List(pl.Float32()))


def _single(dataset: Dataset, split: Split, emotions: Sequence[str]) -> list[str | None]:
    """Each picture's single label; None where it, or the data set, has none."""
    labels_NC = one_hot_labels(dataset, split, emotions)
    if labels_NC is None:
        return [None] * len(split.records)
    return [emotions[row.argmax()] if row.any() else None for row in labels_NC]


def true_dimensions(
    dataset: Dataset, wanted: Sequence[str], records: Sequence[ImageRecord]
) -> list[list[float]]:
    """The records' dimensions that the teller tells too, by name; empty where a record has none."""
    names = tuple(dataset.info.get("dimensions") or DIMENSIONS)
    places = [names.index(name) if name in names else None for name in wanted]
    return [
        [math.nan if place is None else record.dimensions[place] for place in places]
        if len(record.dimensions) == len(names)
        else []
        for record in records
    ]


def _shares(
    records: Sequence[ImageRecord], names: Sequence[str], emotions: Sequence[str]
) -> list[list[float]]:
    """Label weights over their sum, in the order of `emotions`; empty where no weight is above 0."""
    column = [emotions.index(name) for name in names]
    found: list[list[float]] = []
    for record in records:
        if not record.label_weights:
            found.append([])
            continue
        row_C = np.zeros(len(emotions))
        np.add.at(row_C, [column[label] for label in record.labels], record.label_weights)
        total = row_C.sum()
        found.append((row_C / total).tolist() if total > 0 else [])
    return found


def _nearest_tags(subject: Subject, outputs: Outputs) -> list[list[str]]:
    vectors = subject.predictor.vectors
    if vectors is None or outputs.projection is None:
        return [[] for _ in outputs.scores]
    indices_NK, _ = vectors.nearest(outputs.projection, NEAREST_TAGS)
    return [[vectors.words[i] for i in row] for row in indices_NK]
