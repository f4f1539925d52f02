"""Ridge against scikit-learn's, one alpha at a time; the sentence map against means written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from emotionnet.data.store import Dataset
from emotionnet.evaluation.ridge_words import map_points, ridge_points, sentence_map
from emotionnet.evaluation.subject import open_subject
from emotionnet.records import DataError
from emotionnet.text.vectors import WordVectors

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]
Array = npt.NDArray[Any]
LiteralRidge = Callable[[tuple[Array, Array], tuple[Array, Array], Array], tuple[Array, float]]


@pytest.mark.parametrize(("noise", "alpha"), [(0.01, 10.0), (40.0, 1e3)])
def test_ridge_is_scikit_learns_with_the_alpha_that_validation_chooses(
    noise: float, alpha: float, literal_ridge: LiteralRidge
) -> None:
    rng = np.random.default_rng(0)
    features_NF, map_FD = 3 * rng.normal(size=(160, 20)) + 5, rng.normal(size=(20, 4))
    points_ND = (features_NF @ map_FD + noise * rng.normal(size=(160, 4))).astype(np.float32)
    train, val = (features_NF[:60], points_ND[:60]), (features_NF[60:140], points_ND[60:140])
    expected_ND, chosen = literal_ridge(train, val, features_NF[140:])
    found_ND = ridge_points(*train, *val, features_NF[140:])
    assert chosen == alpha
    assert found_ND.dtype == np.float32
    np.testing.assert_allclose(found_ND, expected_ND, rtol=1e-4, atol=1e-4)


def test_one_ridge_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotionnet.evaluation.ridge_words.ALPHAS", (2.0,))
    train_NF, train_ND = np.array([[0.0], [4.0]]), np.array([[1.0, 9.0], [3.0, 1.0]], dtype=np.float32)
    # standardised -1 and 1, targets about their means +-1 and -+4: slopes are those times 2 / (2 + alpha)
    found_ND = ridge_points(train_NF, train_ND, train_NF, train_ND, np.array([[2.0], [8.0]]))
    np.testing.assert_allclose(found_ND, [[2.0, 5.0], [2.0 + 3 * 0.5, 5.0 - 3 * 2.0]], rtol=1e-6)


def by_length(words: Sequence[str]) -> WordVectors:
    """A stand-in for the sentence model: two numbers of each word."""
    rows = [[len(word), sum(map(ord, word)) % 7 - 3] for word in words]
    return WordVectors(tuple(words), np.array(rows, dtype=np.float32))


def test_a_picture_lies_at_the_mean_of_its_labels_and_tags_each_word_once(
    make_dataset: MakeDataset, make_run: MakeRun, literal_ridge: LiteralRidge
) -> None:
    dataset = make_dataset()
    subject = open_subject(make_run(dataset, shape="plain"))
    found = sentence_map(subject.predictor, dataset, vectorise=by_length)
    points, features = {}, {}
    for split in ("train", "val", "test"):
        records = dataset.records(split)
        words = [
            {dataset.emotion_names[i] for i in one.labels} | {dataset.tag_names[i] for i in one.tags}
            for one in records
        ]
        points[split] = np.array(
            [np.mean([by_length([w]).vectors_VD[0] for w in sorted(some)], axis=0) for some in words]
        )
        paths = [dataset.image_path(record) for record in records]
        features[split] = subject.predictor.outputs(paths).features
    expected_ND, _ = literal_ridge(
        (features["train"], points["train"]), (features["val"], points["val"]), features["test"]
    )
    np.testing.assert_allclose(map_points(found.ridge, features["test"]), expected_ND, rtol=1e-3, atol=1e-3)
    assert set(found.taught.words) == set(dataset.tag_names)  # which hold the emotions, and no held-out word


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_that_teaches_nothing_is_refused(
    make_dataset: MakeDataset, make_run: MakeRun, split: str
) -> None:
    dataset = make_dataset()
    subject = open_subject(make_run(dataset))
    none = pl.lit([], dtype=pl.List(pl.Int32))
    dataset.table(split).with_columns(tags=none, labels=none).write_parquet(dataset.root / f"{split}.parquet")
    with pytest.raises(DataError, match=f"a picture of the {split} split must have a label or tag"):
        sentence_map(subject.predictor, dataset, vectorise=by_length)
