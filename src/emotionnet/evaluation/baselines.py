"""What a score must be held against: chance, 8x8 pixels, shuffled labels, the frozen trunk.

Each is really computed, on the same pictures, labels and units as the score beside it.
Shape letters: N = pictures, G = groups, F = features, C = classes, S = draws or shuffles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from threadpoolctl import threadpool_limits

from emotionnet.data.images import decode
from emotionnet.evaluation.metrics import Floats, Labels, aucs, average_precisions, hit_rate, macro_map
from emotionnet.evaluation.probing import Probe, ProbeFeatures, choose_c
from emotionnet.evaluation.subject import Subject
from emotionnet.evaluation.units import Split, group_index, pool_scores
from emotionnet.inference.outputs import run_network
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.progress import track

CHANCE_DRAWS = 1_000
SHUFFLES = 100
PIXELS_SIDE = 8


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Matrix products of a probe are too small to share: threads wait for each other, 10 times slower."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@dataclass(frozen=True)
class Splits:
    """The three splits of one data set."""

    train: Split
    val: Split
    test: Split

    def divide(self, values_NF: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
        """Rows of all pictures, in the order of `paths`, as those of training, validation and test."""
        ends = np.cumsum([len(self.train.paths), len(self.val.paths)])
        return tuple(np.split(values_NF, ends))

    @property
    def paths(self) -> tuple[Path, ...]:
        return self.train.paths + self.val.paths + self.test.paths


@dataclass(frozen=True)
class FittedProbe:
    """A probe whose c was chosen on validation, and what it was fitted and is scored on."""

    c: float
    probe: Probe
    train: ProbeFeatures
    test_features: npt.NDArray[Any]


def baseline_scores(subject: Subject, splits: Splits) -> dict[str, float]:
    """Every baseline's scores on the test groups, under flat keys such as `frozen.macro_map`.

    Raises:
        DataError: A picture cannot be decoded, or the trunk's first weights cannot be had.
    """
    trunk_NF, pixels_NF = trunk_features(subject, splits.paths), pixel_features(splits.paths)
    frozen, pixels = fit_on_validation(trunk_NF, splits), fit_on_validation(pixels_NF, splits)
    shuffled_S = shuffled_maps(frozen, splits, seed=subject.seed)
    named = {
        "chance": chance_scores(splits.test.group_labels, seed=subject.seed),
        "pixels": probe_scores(pixels, splits.test) | {"c": pixels.c},
        "frozen": probe_scores(frozen, splits.test) | {"c": frozen.c},
        "shuffled": {
            "macro_map": float(shuffled_S.mean()),
            "macro_map_p95": float(np.quantile(shuffled_S, 0.95)),
        },
    }
    return {f"{name}.{key}": value for name, scores in named.items() for key, value in scores.items()}


def group_scores(scores_GC: npt.NDArray[Any], labels_GC: Labels) -> dict[str, float]:
    """`macro_map` with its `n_classes`, `hit_rate`, and `auc` where a class has both sides."""
    value, classes = macro_map(scores_GC, labels_GC)
    auc_C = aucs(scores_GC, labels_GC)
    scores = {"macro_map": value, "n_classes": classes, "hit_rate": hit_rate(scores_GC, labels_GC)}
    if not np.isnan(auc_C).all():
        scores["auc"] = float(np.nanmean(auc_C))
    return scores


def chance_scores(labels_GC: Labels, *, seed: int, draws: int = CHANCE_DRAWS) -> dict[str, float]:
    """Mean scores of random numbers.

    Not the share of positives: average precision of a rare class is above it by chance.
    """
    rng = np.random.default_rng([seed % 2**63, 0])
    scored = [group_scores(rng.random(labels_GC.shape), labels_GC) for _ in range(draws)]
    return {
        key: float(np.mean([one[key] for one in scored]))
        for key in ("macro_map", "hit_rate", "auc")
        if key in scored[0]
    }


def chance_average_precisions(labels_GC: Labels, *, seed: int, draws: int = CHANCE_DRAWS) -> Floats:
    """Mean average precision of random numbers for each class; shape (C,), NaN without positives."""
    rng = np.random.default_rng([seed % 2**63, 0])
    drawn_SC = [average_precisions(rng.random(labels_GC.shape), labels_GC) for _ in range(draws)]
    mean_C: Floats = np.mean(drawn_SC, axis=0)
    return mean_C


def pixel_features(paths: Sequence[Path]) -> npt.NDArray[np.float64]:
    """Each picture, transparent parts on white, shrunk to 8x8 RGB; float64, shape (N, 192), 0 to 255.

    Raises:
        DataError: A picture cannot be decoded; names it.
    """
    side = (PIXELS_SIDE, PIXELS_SIDE)
    pictures = [
        np.asarray(decode(path).resize(side, Image.Resampling.BOX), dtype=np.float64).ravel()
        for path in track(paths, "8x8 pixels")
    ]
    return np.stack(pictures)


def trunk_features(subject: Subject, paths: Sequence[Path]) -> npt.NDArray[np.float32]:
    """Features of the run's trunk as it was before training, its preprocessing the run's own.

    Returns:
        Float32, shape (N, F).

    Raises:
        DataError: The trunk's first weights cannot be had, or a picture cannot be decoded.
    """
    model = subject.predictor.model
    trunk = create_trunk(model.trunk, subject.trunk_weights, seed=subject.seed)
    network = EmotionNet(trunk, "plain", n_emotions=1)
    return run_network(network, model.preprocessing, paths, progress="frozen trunk").features


@_one_blas_thread()
def fit_on_validation(features_NF: npt.NDArray[Any], splits: Splits) -> FittedProbe:
    """A probe on training features, its c chosen on validation groups."""
    train_NF, val_NF, test_NF = splits.divide(features_NF)
    train = ProbeFeatures(train_NF)
    c, probe = choose_c(train, splits.train.labels, val_NF, splits.val.labels, splits.val.groups)
    return FittedProbe(c=c, probe=probe, train=train, test_features=test_NF)


def probe_scores(fitted: FittedProbe, test: Split) -> dict[str, float]:
    """A probe's scores on the test groups; log-odds are averaged over a group's pictures."""
    scores_GC = pool_scores(fitted.probe.decision(fitted.test_features), test.groups)
    scores = group_scores(scores_GC, test.group_labels)
    return {key: value for key, value in scores.items() if key != "n_classes"}


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
