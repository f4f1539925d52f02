from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from emotionnet.data.store import Dataset
from emotionnet.evaluation.baselines import trunk_features
from emotionnet.evaluation.subject import Subject, open_subject
from emotionnet.evaluation.zeroshot_baselines import emotion_points, word_baselines
from emotionnet.inference.outputs import Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.records import DataError, ImageRecord
from emotionnet.text.vectors import WordVectors

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]
Array = npt.NDArray[Any]
LiteralRidge = Callable[[tuple[Array, Array], tuple[Array, Array], Array], tuple[Array, float]]
WORDS = ("fury", "delight", "gloom")


@pytest.fixture
def subject(make_run: MakeRun) -> Subject:
    return open_subject(make_run())


def outputs_of_test(subject: Subject) -> Outputs:
    records = subject.dataset.records("test")
    return subject.predictor.outputs([subject.dataset.image_path(record) for record in records])


def test_emotions_are_weighted_by_their_probabilities() -> None:
    vectors = WordVectors(("joy", "awe"), np.array([[3.0, 4.0], [0.0, 2.0]], dtype=np.float32))
    probabilities_NC = np.array([[0.5, 0.2, 0.3], [0.0, 1.0, 0.0]], dtype=np.float32)
    points_ND = emotion_points(probabilities_NC, ("joy", "nameless", "awe"), vectors)
    assert points_ND.dtype == np.float32
    np.testing.assert_allclose(points_ND, [[0.5 * 0.6, 0.5 * 0.8 + 0.3], [0.0, 0.0]], atol=1e-7)


def test_lengths_of_the_emotions_vectors_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    rows_CD = rng.normal(size=(3, 4)).astype(np.float32)
    probabilities_NC = rng.dirichlet(np.ones(3), size=5).astype(np.float32)
    names = ("joy", "awe", "envy")
    first, second = (
        emotion_points(probabilities_NC, names, WordVectors(names, rows_CD * np.float32(scale)))
        for scale in (1, 40)
    )
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)


def test_emotions_without_any_vector_are_refused() -> None:
    vectors = WordVectors(("red",), np.ones((1, 2), dtype=np.float32))
    with pytest.raises(DataError, match="at least one emotion must have a word vector; none has"):
        emotion_points(np.ones((1, 1), dtype=np.float32), ("joy",), vectors)


def mean_vectors(subject: Subject, records: Sequence[ImageRecord]) -> Array:
    vectors, names = subject.predictor.vectors, subject.dataset.tag_names
    assert vectors is not None
    return np.array(
        [
            np.mean([vectors.vectors_VD[vectors.index(names[tag])] for tag in one.tags], axis=0)
            for one in records
        ]
    )


def frozen(subject: Subject, records: Sequence[ImageRecord]) -> Array:
    model = subject.predictor.model
    paths = [subject.dataset.image_path(record) for record in records]
    return trunk_features(model.trunk, "none", model.preprocessing, paths, seed=subject.seed)


def word_rows(subject: Subject) -> Array:
    vectors = subject.predictor.vectors
    assert vectors is not None
    return vectors.vectors_VD[[vectors.index(word) for word in WORDS]]


@pytest.mark.parametrize("untagged", [0, 5])
def test_both_baselines_of_a_run_equal_their_formulas(
    make_dataset: MakeDataset, make_run: MakeRun, untagged: int, literal_ridge: LiteralRidge
) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    table = dataset.table("train").with_row_index()
    bare = pl.when(pl.col("index") < untagged).then(pl.lit([], dtype=pl.List(pl.Int32))).otherwise("tags")
    table.with_columns(tags=bare).drop("index").write_parquet(dataset.root / "train.parquet")
    subject = open_subject(run)
    outputs = outputs_of_test(subject)
    found = word_baselines(subject, WORDS, outputs)
    train, val, test = (subject.dataset.records(split) for split in ("train", "val", "test"))
    train = train[untagged:]  # a picture without a tag teaches nothing
    points_ND, _ = literal_ridge(
        (frozen(subject, train), mean_vectors(subject, train)),
        (frozen(subject, val), mean_vectors(subject, val)),
        frozen(subject, test),
    )
    assert list(found) == ["ridge", "similarity"]
    np.testing.assert_allclose(found["ridge"], cosine_similarity(points_ND, word_rows(subject)), atol=1e-3)
    vectors = subject.predictor.vectors
    assert vectors is not None
    unit = [vectors.vectors_VD[vectors.index(name)] for name in subject.predictor.emotions]
    unit_CD = np.array([row / np.sqrt((row**2).sum()) for row in unit])
    similar_NK = cosine_similarity(outputs.probabilities @ unit_CD, word_rows(subject))
    np.testing.assert_allclose(found["similarity"], similar_NK, atol=1e-5)


def test_the_networks_own_projection_does_not_matter(subject: Subject) -> None:
    outputs = outputs_of_test(subject)
    assert outputs.projection is not None
    other = replace(outputs, projection=outputs.projection[::-1] + 1)
    first, second = (word_baselines(subject, WORDS, one) for one in (outputs, other))
    for name in ("ridge", "similarity"):
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_whose_tags_have_no_vector_is_refused(
    make_dataset: MakeDataset, make_run: MakeRun, split: str
) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    table = dataset.table(split).with_columns(tags=pl.lit([], dtype=pl.List(pl.Int32)))
    table.write_parquet(dataset.root / f"{split}.parquet")
    subject = open_subject(run)
    with pytest.raises(DataError, match="at least one picture must have a tag with a word vector; none has"):
        word_baselines(subject, WORDS, outputs_of_test(subject))


def test_a_run_without_vectors_is_refused(subject: Subject) -> None:
    ours = subject.predictor
    bare = replace(subject, predictor=Predictor(ours.backend, ours.model, None))
    with pytest.raises(DataError, match="zero-shot needs word vectors; this run has none"):
        word_baselines(bare, WORDS, outputs_of_test(subject))
