"""From a trunk's features to the vectors of words: ridge regression, its penalty chosen on validation.

Two uses: the baseline that zero-shot is held against (`zeroshot_baselines`), and zero-shot by sentence
vectors, for runs without a projection and words of any wording.
Shape letters: N = pictures, F = features, D = vector size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from emotionnet.data.store import Dataset
from emotionnet.evaluation.zeroshot_words import plain, spoken
from emotionnet.inference.features import cached_features
from emotionnet.inference.predictor import Predictor
from emotionnet.records import DataError, ImageRecord
from emotionnet.text.vectors import WordVectors

ALPHAS = (1e1, 1e2, 1e3, 1e4, 1e5)
Points = npt.NDArray[np.float32]
Vectorise = Callable[[Sequence[str]], WordVectors]


def best_ridge(
    train_NF: npt.NDArray[Any], train_ND: Points, val_NF: npt.NDArray[Any], val_ND: Points
) -> Pipeline:
    """Standardised ridge regression, its penalty that with the highest mean cosine on validation.

    Args:
        train_NF: Features to fit on; float.
        train_ND: Their points.
        val_NF: Features to choose on; float.
        val_ND: Their points.
    """
    models = [make_pipeline(StandardScaler(), Ridge(alpha=alpha)).fit(train_NF, train_ND) for alpha in ALPHAS]
    cosines = [(normalize(model.predict(val_NF)) * normalize(val_ND)).sum(axis=1).mean() for model in models]
    return models[int(np.argmax(cosines))]


def ridge_points(
    train_NF: npt.NDArray[Any],
    train_ND: Points,
    val_NF: npt.NDArray[Any],
    val_ND: Points,
    test_NF: npt.NDArray[Any],
) -> Points:
    """Where `best_ridge` of the first four puts the fifth; float32, shape (N of the test, D)."""
    return map_points(best_ridge(train_NF, train_ND, val_NF, val_ND), test_NF)


def map_points(ridge: Pipeline, features_NF: npt.NDArray[Any]) -> Points:
    """Where a map puts features; float32, shape (N, D)."""
    points_ND: Points = ridge.predict(features_NF).astype(np.float32)
    return points_ND


def taught_records(
    dataset: Dataset, records: Sequence[ImageRecord], vectors: WordVectors
) -> list[ImageRecord]:
    """The records with a tag that has a vector.

    Raises:
        DataError: There is none.
    """
    found = [record for record in records if any(dataset.tag_names[tag] in vectors for tag in record.tags)]
    if not found:
        raise DataError(f"{dataset.root}: at least one picture must have a tag with a word vector; none has")
    return found


def mean_tag_vectors(dataset: Dataset, records: Sequence[ImageRecord], vectors: WordVectors) -> Points:
    """Mean word vector of each record's tags; float32, shape (N, D)."""
    return vectors.mean_vectors([[dataset.tag_names[tag] for tag in record.tags] for record in records])


@dataclass(frozen=True)
class SentenceMap:
    """A map from a run's features to sentence vectors, and the words that it was taught with theirs."""

    ridge: Pipeline
    taught: WordVectors


def sentence_map(predictor: Predictor, dataset: Dataset, *, vectorise: Vectorise) -> SentenceMap:
    """Learn where the sentence vectors of pictures lie, from the labels and tags of a run's own data set.

    A picture's point is the mean sentence vector of its labels and tags, each word once; held-out words teach
    nothing.

    Args:
        predictor: The run; its trunk's features are used, whatever heads it has.
        dataset: Its data set: fitted on the training split, the penalty chosen on validation.
        vectorise: What gives words their vectors.

    Raises:
        DataError: A split has no picture with a label or tag, or a picture cannot be decoded.
    """
    bags = {split: _bags(dataset, split) for split in ("train", "val")}
    taught = vectorise(list(dict.fromkeys(w for some in bags.values() for _, bag in some for w in bag)))
    fitted = []
    for split, some in bags.items():
        paths = [dataset.image_path(record) for record, _ in some]
        network, how = predictor.require_network(), predictor.model.preprocessing
        fitted.append(cached_features(network, how, paths, progress=f"{split} pictures"))
        fitted.append(taught.mean_vectors([bag for _, bag in some]))
    return SentenceMap(best_ridge(*fitted), taught)


def _bags(dataset: Dataset, split: str) -> list[tuple[ImageRecord, list[str]]]:
    """The pictures of a split that have a label or tag, with the words of both."""
    emotions = [spoken(name) for name in dataset.emotion_names]
    tags = [plain(name) or name for name in dataset.tag_names]
    found = []
    for record in dataset.records(split):
        words = [word for label in record.given_labels for word in emotions[label]]
        words += [tags[tag] for tag in record.tags]
        if words:
            found.append((record, list(dict.fromkeys(words))))
    if not found:
        raise DataError(
            f"{dataset.root}: a picture of the {split} split must have a label or tag, to learn sentence "
            "vectors from; none has"
        )
    return found
