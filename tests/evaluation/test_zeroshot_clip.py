"""A CLIP model on data sets: its scores from what it says of each picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score

from emotionnet.data.store import Dataset
from emotionnet.evaluation.zeroshot_clip import score_clip, tell_clip
from emotionnet.files import read_json
from emotionnet.inference.clip import TEMPLATES, label_scores, load_clip
from emotionnet.inference.predictor import Predictor
from emotionnet.records import DataError
from emotionnet.runs import read_metrics

MakeDataset = Callable[..., Dataset]
WORDS = {"warm": ("red", "yellow"), "dark": ("dark",)}


@pytest.fixture
def clip(tiny_clip: str) -> Predictor:
    return load_clip(f"open_clip:{tiny_clip}@none", seed=4)


def with_one_label(dataset: Dataset) -> Dataset:
    table = dataset.table("test").with_columns(labels=pl.col("labels").list.head(1))
    table.write_parquet(dataset.root / "test.parquet")
    return dataset


def test_single_labels_by_probabilities(clip: Predictor, make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = with_one_label(make_dataset({"test": 30}))
    metrics = score_clip(clip, dataset, out=tmp_path / "out")
    records = dataset.records("test")
    labels = {name: (name,) for name in dataset.emotion_names}
    cosines_NK, shares_NK = label_scores(clip, [dataset.image_path(one) for one in records], labels)
    told = tell_clip(clip, dataset)
    np.testing.assert_array_equal(told.scores, told.probabilities)
    np.testing.assert_allclose(told.probabilities, shares_NK, atol=1e-6)
    groups: dict[str, list[int]] = {}
    for row, record in enumerate(records):
        groups.setdefault(record.group, []).append(row)
    hits = [int(shares_NK[rows].mean(axis=0).argmax()) in records[rows[0]].labels for rows in groups.values()]
    assert metrics["zero_shot.labels.accuracy"] == pytest.approx(np.mean(hits))
    assert metrics == read_metrics(tmp_path / "out")
    table = pl.read_parquet(tmp_path / "out" / "predictions" / "zeroshot-test.parquet")
    np.testing.assert_allclose(np.array(table["cosines"].to_list()), cosines_NK, atol=1e-6)
    assert read_json(tmp_path / "out" / "clip.json") == {
        "model": "tiny",
        "weights": "none",
        "weights_sha256": clip.identity,
        "templates": list(TEMPLATES),
    }


def test_several_labels_by_cosines_and_any_words(clip: Predictor, make_dataset: MakeDataset) -> None:
    dataset = make_dataset({"test": 30})
    for words in (None, WORDS):
        told = tell_clip(clip, dataset, words=words)
        np.testing.assert_array_equal(told.scores, told.cosines)
        metrics = score_clip(clip, dataset, words=words)
        key = "zero_shot.labels." if words is None else "zero_shot.words."
        for k, name in enumerate(told.asked.names):
            precision = average_precision_score(told.asked.scored.labels[:, k], told.cosines[:, k])
            assert metrics[f"{key}ap.{name}"] == pytest.approx(precision)
    assert metrics["zero_shot.words.n_without_truth"] == 0


def test_one_folder_holds_the_scores_of_one_model(
    clip: Predictor, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, out = make_dataset(), tmp_path / "out"
    first = score_clip(clip, dataset, out=out)
    val = score_clip(clip, dataset, split="val", out=out)
    words = score_clip(clip, dataset, words=WORDS, out=out)
    assert read_metrics(out) == first | val | words
    assert all(key.startswith("val.zero_shot.labels.") for key in val)
    before = sorted(path.name for path in out.rglob("*"))
    other = load_clip("open_clip:tiny@none", seed=5)
    with pytest.raises(
        DataError, match=r"clip\.json: must be of open_clip:tiny@none; it is of another model"
    ):
        score_clip(other, dataset, out=out)
    with pytest.raises(
        DataError, match="must be empty or hold the scores of a CLIP model; it holds something"
    ):
        score_clip(clip, dataset, out=dataset.root)
    assert sorted(path.name for path in out.rglob("*")) == before
