from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from emotionnet.data.store import Dataset
from emotionnet.evaluation.gallery import best_and_worst, thumbnail
from emotionnet.evaluation.predictions import PREDICTION_SCHEMA
from emotionnet.records import DataError

MakeDataset = Callable[..., Dataset]
EMOTIONS = ("joy", "awe")


def predictions(*rows: tuple[str, str, list[str], list[float]], path: str = "") -> pl.DataFrame:
    picture = path or "images/oil-test-000.png"
    values: list[dict[str, Any]] = [
        {"id": name, "path": picture, "group": group, "labels": labels, "probabilities": p, "tags": ["sun"]}
        for name, group, labels, p in rows
    ]
    return pl.DataFrame(values, schema=PREDICTION_SCHEMA)


def test_the_surest_right_and_wrong_one_for_each_group(make_dataset: MakeDataset) -> None:
    table = predictions(
        ("a", "1", ["joy"], [0.7, 0.3]),
        ("b", "1", ["joy"], [0.9, 0.1]),
        ("c", "2", ["awe", "joy"], [0.8, 0.2]),
        ("d", "3", ["awe"], [0.6, 0.4]),
        ("e", "4", ["joy"], [0.2, 0.8]),
        ("f", "5", [], [0.0, 1.0]),
    )
    dataset = make_dataset()
    best, worst = best_and_worst(table, dataset, EMOTIONS)
    assert [(tile.id, tile.predicted, round(tile.probability, 3)) for tile in best] == [
        ("b", "joy", 0.9),
        ("c", "joy", 0.8),
    ]
    assert [(tile.id, tile.predicted, tile.truth) for tile in worst] == [
        ("e", "awe", ("joy",)),
        ("d", "joy", ("awe",)),
    ]
    assert best[0].is_right
    assert not worst[0].is_right
    assert [len(tiles) for tiles in best_and_worst(table, dataset, EMOTIONS, count=1)] == [1, 1]


def test_thumbnails_are_small_and_stand_inside_the_page(tmp_path: Path) -> None:
    Image.new("RGB", (900, 300), (200, 10, 10)).save(tmp_path / "wide.png")
    kind, data = thumbnail(tmp_path / "wide.png").split(",")
    assert kind == "data:image/webp;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (image.format, image.size) == ("WEBP", (112, 37))


def test_small_pictures_keep_their_size(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "small.png")
    data = thumbnail(tmp_path / "small.png").split(",")[1]
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (20, 20)


def test_predictions_of_other_emotions_are_refused(make_dataset: MakeDataset) -> None:
    with pytest.raises(DataError, match="must have 3 probabilities each; evaluate the run again"):
        best_and_worst(predictions(("a", "1", ["joy"], [0.7, 0.3])), make_dataset(), ("joy", "awe", "fear"))


def test_pictures_outside_the_data_set_are_refused(make_dataset: MakeDataset) -> None:
    table = predictions(("a", "1", ["joy"], [0.7, 0.3]), path="../../secret.png")
    with pytest.raises(DataError, match=r"a: \.\./\.\./secret\.png leaves the folder"):
        best_and_worst(table, make_dataset(), EMOTIONS)


def test_a_missing_picture_is_named(make_dataset: MakeDataset) -> None:
    table = predictions(("a", "1", ["joy"], [0.7, 0.3]), path="images/gone.png")
    with pytest.raises(DataError, match=r"gone\.png: file not found"):
        best_and_worst(table, make_dataset(), EMOTIONS)
