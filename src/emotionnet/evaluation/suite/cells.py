"""The cells of a suite: each is computed once, kept in a folder of its own, and read again from there.

Shape letters: N = records of a split, F = features, C = labels.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import polars as pl

from emotionnet.data.store import Dataset
from emotionnet.data.tables import write_parquet
from emotionnet.evaluation.baselines import fit_on_validation
from emotionnet.evaluation.pooled import Pooled, by_group, by_person
from emotionnet.evaluation.predictions import Teller, read_table, table_of
from emotionnet.evaluation.suite.config import SuiteEntry
from emotionnet.evaluation.suite.rows import Answer, Row
from emotionnet.evaluation.units import Split, read_split, read_splits, require_sides
from emotionnet.files import read_object, write_json
from emotionnet.inference.outputs import Array, Outputs, each_once
from emotionnet.records import DataError

TABLE = "predictions.parquet"
CARD = "cell.json"


@dataclass(frozen=True)
class Kept:
    """What a cell holds: the predictions, and who tells them."""

    teller: Teller
    table: pl.DataFrame

    def pooled(self) -> Pooled:
        """Persons as units where all records are persons, else groups."""
        return by_person(self.table, self.teller) or by_group(self.table, self.teller)


def fill(folder: Path, row: Row, entry: SuiteEntry, dataset: Dataset) -> Kept:
    """The cell of a row and a column: from its folder where it was computed before, else computed and kept.

    Raises:
        DataError: The row cannot be held against the benchmark in this way; nothing is kept.
    """
    key = cell_key(row, entry, dataset)
    if (known := _read(folder, key)) is not None:
        return known
    split = read_split(dataset, entry.split, dataset.emotion_names)
    require_sides(dataset, split)
    answer = tell(row, entry, dataset, split)
    table = table_of(dataset, split, answer.teller, answer.outputs)
    write_parquet(folder / TABLE, table)
    teller = answer.teller
    card = {
        "key": key,
        "row": row.name,
        "benchmark": entry.name,
        "how": entry.how,
        "emotions": teller.emotions,
        "activation": teller.activation,
        "dimensions": teller.dimensions,
    }
    write_json(folder / CARD, card)  # last: it says that the cell is whole
    return Kept(teller, table)


def cell_key(row: Row, entry: SuiteEntry, dataset: Dataset) -> str:
    """A hash of all that the predictions of a cell depend on."""
    told = (
        metadata.version("emotionnet"),
        row.identity,
        entry.how,
        entry.split,
        dataset.content_hash,
        dataset.emotion_names,
        [record.id for record in dataset.records(entry.split)],  # rows of a column are paired by their order
    )
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def tell(row: Row, entry: SuiteEntry, dataset: Dataset, split: Split) -> Answer:
    """What a row tells of every record of a split; a picture of several records is looked at once."""
    if entry.how == "probe":
        return _probe(row, entry, dataset)
    ways = {"labels": row.labels, "map": row.mapped, "zeroshot": row.zeroshot}
    once, rows = each_once(split.paths)
    answer = ways[entry.how](dataset, once)
    return Answer(answer.teller, answer.outputs.take(rows))


def _probe(row: Row, entry: SuiteEntry, dataset: Dataset) -> Answer:
    """A linear probe, fitted on training, its c chosen on validation, as the frozen baseline's."""
    if entry.split != "test":
        raise DataError(f"{entry.name}: a probe learns from train and val; its split must be test")
    names = dataset.emotion_names
    splits = read_splits(dataset, names)
    once, rows = each_once(splits.paths)
    features_NF = row.features(once)[rows]
    fitted = fit_on_validation(features_NF, splits)
    scores_NC: Array = fitted.test_scores.astype(np.float32)
    outputs = Outputs(features=features_NF[-len(scores_NC) :], scores=scores_NC, projection=None)
    return Answer(Teller(names, "sigmoid"), outputs)


def _read(folder: Path, key: str) -> Kept | None:
    """A cell that is whole and of this key; anything else is computed anew."""
    try:
        card = read_object(folder / CARD)
        if card.get("key") != key:
            return None
        teller = Teller(tuple(card["emotions"]), card["activation"], tuple(card["dimensions"]))
        return Kept(teller, read_table(folder / TABLE))
    except (DataError, KeyError, TypeError):
        return None


def folder_name(row: str) -> str:
    """A folder's name for a row, whatever stands in its own."""
    return hashlib.sha256(row.encode()).hexdigest()[:16]
