"""What a score must be held against: the frozen trunk, the nearest neighbour, 8x8 pixels, shuffled labels.

Each is really computed, on the same pictures, labels and units as the score beside it; chance has its
own file. Shape letters: N = pictures, M = test pictures, G = test groups, F = features, C = classes,
S = shuffles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from threadpoolctl import threadpool_limits

from emotionnet.data.images import ImageLike, Preprocessing, decode
from emotionnet.data.shards.member import PictureFile
from emotionnet.evaluation.metrics import Floats, Labels, macro_map
from emotionnet.evaluation.neighbours import cosines, has_neighbour, nearest_scores
from emotionnet.evaluation.probing import Probe, ProbeFeatures, choose_c
from emotionnet.evaluation.subject import Subject
from emotionnet.evaluation.units import Split, Splits, group_index, pool_scores
from emotionnet.inference.features import cached_features
from emotionnet.inference.torch_backend import on_device
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.progress import track

SHUFFLES = 100
PIXELS_SIDE = 8


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Matrix products of a probe are too small to share: threads wait for each other, 10 times slower."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@dataclass(frozen=True)
class FittedProbe:
    """A probe, its c chosen on validation, what it was fitted on, and its log-odds (M, C) of the test."""

    c: float
    train: ProbeFeatures
    test_features: npt.NDArray[Any]
    test_scores: Floats


@dataclass(frozen=True)
class Baselines:
    """What the baselines say of the test groups.

    `scores` has the pooled scores (G, C) of `frozen`, `nearest` and `pixels`, `c` what the
    probes among them chose, `shuffled` the macro mAP of each shuffle (S,), and `neighbours` which
    groups have a training neighbour (G,). Where the trunk's first weights are unknown there is
    `pixels` alone: the others are made of its features.
    """

    scores: Mapping[str, Floats]
    c: Mapping[str, float]
    shuffled: Floats | None
    neighbours: npt.NDArray[np.bool_] | None


def run_baselines(subject: Subject, splits: Splits) -> Baselines:
    """Fit and score every baseline.

    Raises:
        DataError: A picture cannot be decoded, or the trunk's first weights cannot be had.
    """
    groups, pixels = splits.test.groups, fit_on_validation(pixel_features(splits.paths), splits)
    if subject.trunk_weights is None:
        scores = {"pixels": pool_scores(pixels.test_scores, groups)}
        return Baselines(scores=scores, c={"pixels": pixels.c}, shuffled=None, neighbours=None)
    model = subject.predictor.model
    trunk_NF = trunk_features(
        model.trunk, subject.trunk_weights, model.preprocessing, *splits.parts, seed=subject.seed
    )
    frozen = fit_on_validation(trunk_NF, splits)
    train_NF, _, test_MF = splits.divide(trunk_NF)
    similar_MN = cosines(test_MF, train_NF)
    of_pictures: dict[str, npt.NDArray[Any]] = {
        "frozen": frozen.test_scores,
        "pixels": pixels.test_scores,
        "nearest": nearest_scores(similar_MN, splits.train.labels),
    }
    return Baselines(
        scores={name: pool_scores(scores_MC, groups) for name, scores_MC in of_pictures.items()},
        c={"frozen": frozen.c, "pixels": pixels.c},
        shuffled=shuffled_maps(frozen, splits, seed=subject.seed),
        neighbours=has_neighbour(similar_MN, groups),
    )


def pixel_features(images: Sequence[ImageLike]) -> npt.NDArray[np.float64]:
    """Each picture, transparent parts on white, shrunk to 8x8 RGB; float64, shape (N, 192), 0 to 255.

    Raises:
        DataError: A picture cannot be decoded; names it.
    """
    side = (PIXELS_SIDE, PIXELS_SIDE)

    def shrunk(image: ImageLike) -> npt.NDArray[np.float64]:
        return np.asarray(decode(image).resize(side, Image.Resampling.BOX), dtype=np.float64).ravel()

    with ThreadPoolExecutor(max_workers=2) as pool:
        return np.stack(list(track(pool.map(shrunk, images), "8x8 pixels", total=len(images))))


def trunk_features(
    trunk: str, weights: str, how: Preprocessing, *parts: Sequence[PictureFile], seed: int
) -> npt.NDArray[np.float32]:
    """Features of a trunk as it is before any training, computed once (`inference.features`).

    On a GPU where there is one, as a run's own: their features are then the same, bit for bit.

    Args:
        trunk: Its name.
        weights: Where its weights come from, as `model.weights` of a config.
        how: Preprocessing of the pictures.
        parts: The pictures, such as those of each split, which are kept apart in the cache.
        seed: Of weights that are random.

    Returns:
        Float32, shape (N, F), the parts one after the other.

    Raises:
        DataError: The weights cannot be had, or a picture cannot be decoded.
    """
    network = on_device(EmotionNet(create_trunk(trunk, weights, seed=seed), "plain", n_emotions=1), "auto")
    return np.concatenate([cached_features(network, how, some, progress="frozen trunk") for some in parts])


def fit_on_validation(features_NF: npt.NDArray[Any], splits: Splits) -> FittedProbe:
    """A probe on training features, its c chosen on validation groups."""
    train_NF, val_NF, test_MF = splits.divide(features_NF)
    train, c, probe = fit_probe(train_NF, splits.train.labels, val_NF, splits.val)
    return FittedProbe(c=c, train=train, test_features=test_MF, test_scores=probe.decision(test_MF))


@_one_blas_thread()
def fit_probe(
    train_NF: npt.NDArray[Any], labels_NC: Labels, val_MF: npt.NDArray[Any], val: Split
) -> tuple[ProbeFeatures, float, Probe]:
    """The linear probe of this project: fitted on training rows, its c chosen on validation groups.

    Args:
        train_NF: Features of the training pictures; float, shape (N, F).
        labels_NC: Their labels; boolean, shape (N, C).
        val_MF: Features of the validation pictures; float, shape (M, F).
        val: Those pictures.

    Returns:
        The training features, turned; c; and the probe.
    """
    train = ProbeFeatures(train_NF)
    return train, *choose_c(train, labels_NC, val_MF, val.labels, val.groups)


@_one_blas_thread()
def shuffled_maps(fitted: FittedProbe, splits: Splits, *, seed: int, shuffles: int = SHUFFLES) -> Floats:
    """Macro mAP on the test groups when training groups carry each other's labels; shape (S,).

    The label sets of the training groups are permuted; all pictures of a group get its new
    set, so that classes keep their sizes in groups and pictures of a group still agree. The
    features and c are those of the real probe.
    """
    labels_GC, index_N = splits.train.group_labels, group_index(splits.train.groups)
    orders = np.random.default_rng([seed % 2**63, 1]).permuted(
        np.tile(np.arange(len(labels_GC)), (shuffles, 1)), axis=1
    )

    def score(order_G: npt.NDArray[np.intp]) -> float:
        probe = fitted.train.fit(labels_GC[order_G][index_N], c=fitted.c)
        scores_GC = pool_scores(probe.decision(fitted.test_features), splits.test.groups)
        return macro_map(scores_GC, splits.test.group_labels)[0]

    with ThreadPoolExecutor(max_workers=2) as pool:
        return np.array(list(track(pool.map(score, orders), "shuffled labels", total=shuffles)))
