from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from emotionnet.data.store import Dataset
from emotionnet.data.tables import write_parquet
from emotionnet.evaluation.derived import known_ranges
from emotionnet.evaluation.predictions import read_predictions
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.files import read_json, write_json
from emotionnet.word_dimensions import norms

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]
EMOTIONS = ("anger", "joy", "sadness")
RANGES = {"valence": [-3, 3], "arousal": [0, 6]}


def annotate(dataset: Dataset, **info: Any) -> None:
    """Give the test pictures valence and arousal: what the norms have of their first emotion, in RANGES."""
    table = dataset.table("test")
    points = [norms()[EMOTIONS[labels[0]]] for labels in table["labels"].to_list()]
    told = [[-3 + (point[0] - 1) * 6 / 8, (point[1] - 1) * 6 / 8] for point in points]
    column = pl.Series("dimensions", told, dtype=pl.List(pl.Float64()))
    write_parquet(dataset.root / "test.parquet", table.with_columns(column))
    path = dataset.root / "dataset.json"
    write_json(path, read_json(path) | {"dimensions": ["valence", "arousal"], **info})


def test_a_run_without_dimensions_has_derived_ones(make_dataset: MakeDataset, make_run: MakeRun) -> None:
    dataset = make_dataset()
    run = make_run(dataset, shape="plain")
    annotate(dataset, ranges=RANGES)
    metrics = evaluate_run(run, baselines=False)
    table = read_predictions(run)
    points_CK = np.array([norms()[name] for name in EMOTIONS])
    errors = []
    for rows in table.partition_by("group", maintain_order=True):
        told = np.mean(np.array(rows["probabilities"].to_list()) @ points_CK, axis=0)
        first = EMOTIONS[int(rows["group"][0][-3:]) % 3]
        errors.append((told[0] - norms()[first][0]) * 6 / 8)
    assert metrics["test.derived.rmse.valence"] == pytest.approx(
        np.sqrt(np.mean(np.square(errors))), rel=1e-4
    )
    assert metrics["test.derived.ccc.valence"] > 0.8  # the heads were solved for
    assert metrics["test.derived.ccc.valence_ci_low"] < metrics["test.derived.ccc.valence"]
    means = (metrics["test.derived.ccc.valence"] + metrics["test.derived.ccc.arousal"]) / 2
    assert metrics["test.derived.ccc"] == pytest.approx(means)
    assert metrics["test.derived.n_unmapped"] == 0
    assert "test.ccc" not in metrics


def test_without_known_ranges_nothing_is_derived(make_dataset: MakeDataset, make_run: MakeRun) -> None:
    dataset = make_dataset()
    run = make_run(dataset, shape="plain")
    annotate(dataset)
    assert not [key for key in evaluate_run(run, baselines=False) if "derived" in key]


def test_a_data_set_without_dimensions_has_none(make_dataset: MakeDataset, make_run: MakeRun) -> None:
    dataset = make_dataset()
    run = make_run(dataset, shape="plain")
    path = dataset.root / "dataset.json"
    write_json(path, read_json(path) | {"ranges": RANGES})
    assert not [key for key in evaluate_run(run, baselines=False) if "derived" in key]


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"valence": [1, 9], "pleasure": [0, 1]}, {"valence": (1.0, 9.0)}),
        ({"valence": [9, 1], "arousal": ["a", 2], "dominance": [0, float("inf")]}, {}),
        ([1, 9], {}),
        (None, {}),
    ],
)
def test_ranges_are_taken_as_far_as_they_are_ones(
    told: object, known: dict[str, tuple[float, float]], make_dataset: MakeDataset
) -> None:
    dataset = make_dataset({"train": 1, "val": 1, "test": 1})
    assert known_ranges(replace(dataset, info={**dataset.info, "ranges": told})) == known
