"""What zero-shot must be held against: a linear map from the frozen trunk, and the network's own emotions.

Both give every picture a point among the word vectors without the network's projection, and words
are looked for around it in the same way. Shape letters: N = pictures, F = features, D = vector size,
C = emotions, K = words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import normalize

from emotionnet.evaluation.baselines import trunk_features
from emotionnet.evaluation.ridge_words import Points, mean_tag_vectors, ridge_points, taught_records
from emotionnet.evaluation.subject import Subject
from emotionnet.inference.outputs import Outputs
from emotionnet.inference.torch_backend import probabilities
from emotionnet.records import SPLITS, DataError
from emotionnet.text.vectors import WordVectors


def word_baselines(subject: Subject, words: Sequence[str], outputs: Outputs) -> dict[str, npt.NDArray[Any]]:
    """Scores of test pictures for words, as the network's own cosines.

    * `ridge`: ridge regression from features of the frozen trunk to the mean word vector of a
      picture's tags, its penalty chosen on validation; none where the trunk's first weights are unknown.
    * `similarity`: the mean word vector of the emotions that the network was trained on, each weighted by its
      probability (ConSE, Norouzi et al., ICLR 2014, over all classes).

    Args:
        subject: A run with word vectors.
        words: The K words.
        outputs: What the network says of the test pictures.

    Returns:
        Float32, shape (N, K), by name.

    Raises:
        DataError: A picture cannot be decoded, no tag or no emotion has a vector, or the trunk's first
            weights cannot be had.
    """
    vectors = subject.predictor.vectors
    if vectors is None:
        raise DataError(f"{subject.run}: zero-shot needs word vectors; this run has none")
    told = probabilities(outputs.scores, subject.predictor.model.activation)
    points = {"similarity": emotion_points(told, subject.predictor.emotions, vectors)}
    if subject.trunk_weights is not None:
        points = {"ridge": _ridge_points(subject, vectors, subject.trunk_weights), **points}
    return {name: word_cosines(rows_ND, words, vectors) for name, rows_ND in points.items()}


def word_cosines(points_ND: Points, words: Sequence[str], vectors: WordVectors) -> Points:
    """Cosine of each point with each word's vector, 0 for a word without one; float32, shape (N, K)."""
    rows_KD, known = vectors.matrix(words)
    cosines_NK: Points = normalize(points_ND) @ (normalize(rows_KD) * np.array(known)[:, None]).T
    return cosines_NK.astype(np.float32)


def emotion_points(
    probabilities_NC: npt.NDArray[np.float32], emotions: Sequence[str], vectors: WordVectors
) -> Points:
    """Unit vectors of the emotions, weighted by their probabilities; an emotion without a vector has none.

    Returns:
        Float32, shape (N, D).

    Raises:
        DataError: No emotion has a vector.
    """
    rows_CD, known = vectors.matrix(emotions)
    if not any(known):
        raise DataError("at least one emotion must have a word vector; none has")
    unit_CD = normalize(rows_CD) * np.array(known)[:, None]
    points_ND: Points = (probabilities_NC @ unit_CD).astype(np.float32)
    return points_ND


def _ridge_points(subject: Subject, vectors: WordVectors, weights: str) -> Points:
    model, dataset = subject.predictor.model, subject.dataset
    by_split = {split: dataset.records(split) for split in SPLITS}
    taught = {split: taught_records(dataset, by_split[split], vectors) for split in ("train", "val")}
    wanted = [*taught["train"], *taught["val"], *by_split["test"]]
    features_NF = trunk_features(
        model.trunk,
        weights,
        model.preprocessing,
        [dataset.image_path(record) for record in wanted],
        seed=subject.seed,
    )
    ends = np.cumsum([len(taught["train"]), len(taught["val"])])
    train_NF, val_NF, test_NF = np.split(features_NF, ends)
    train_ND, val_ND = (mean_tag_vectors(dataset, taught[split], vectors) for split in ("train", "val"))
    return ridge_points(train_NF, train_ND, val_NF, val_ND, test_NF)
