"""How well a run's guard tells pictures unlike those of training from unseen ones like them.

Shape letters: N = pictures, T = training pictures, U = units, F = features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

from emotionnet.data.images import ImageLike
from emotionnet.evaluation.baselines import pixel_features
from emotionnet.evaluation.foreign_pictures import crops, paste, read_drawings, read_photographs
from emotionnet.evaluation.intervals import class_scores, flat_estimate
from emotionnet.evaluation.metrics import Floats
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.subject import Subject, open_subject
from emotionnet.evaluation.units import pool_scores
from emotionnet.inference.guard import Guard
from emotionnet.inference.outputs import Array
from emotionnet.inference.predictor import Predictor
from emotionnet.progress import message
from emotionnet.records import DataError
from emotionnet.runs import merge_metrics

SEED = 0  # of what is drawn and pasted, so that all runs are asked about the same pictures


@dataclass(frozen=True)
class _Kind:
    """Pictures of one kind, and for each the unit that it belongs to."""

    images: Sequence[ImageLike]
    units: tuple[str, ...]


@dataclass(frozen=True)
class _Told:
    """How far the units of one kind are from training, by the guard and by pixels; and who is outside.

    `guard` and `pixels` have the shape (U,); `outside` is a share of the pictures.
    """

    guard: Floats
    pixels: Floats
    outside: float


def guard_scores(run: Path) -> dict[str, float]:
    """Hold a run's guard against pictures of other kinds; adds to RUN/metrics.json.

    Its distance should be larger for them than for the pictures of the run's test split. The unit there is
    the group, with the mean over its pictures. The others are:

    * `photographs`: those of scikit-image and scikit-learn; a unit is a photograph, with the mean over the
      whole and five crops. `whole_photographs`: without the crops.
    * `openclipart`: 300 drawings, each a unit; where it is installed.
    * `pasted`: a picture of each test group on a photograph. Its interval is too narrow, since the
      photographs behind them are few.

    Returns:
        For each kind `guard.<kind>.auroc` with its 95 % interval; `pixels_auroc`, the same by the distance to
        the nearest training picture of 8x8 pixels, which tells how easy the kind is; `outside`, the share of
        its pictures beyond the guard's threshold; `count`, its units. And `guard.test.outside` and `.count`.

    Raises:
        DataError: The run has no guard, its data set cannot be used, or scikit-image is not installed.
    """
    subject = open_subject(run)
    guard = subject.predictor.guard
    if guard is None:
        raise DataError(f"{run}: must be a run with a guard; this one has none: train it again")
    trained_T192 = pixel_features(_split(subject, "train").images)
    nearest = NearestNeighbors(n_neighbors=1).fit(trained_T192)
    told = {
        name: _tell(subject.predictor, guard, nearest, name, kind) for name, kind in _kinds(subject).items()
    }
    unseen = told.pop("test")
    metrics = {"test.outside": unseen.outside, "test.count": float(len(unseen.guard))}
    for name, foreign in told.items():
        found = _compare(unseen, foreign, seed=subject.seed)
        metrics |= {f"{name}.{key}": value for key, value in found.items()}
    metrics = {f"guard.{key}": value for key, value in metrics.items()}
    merge_metrics(run, metrics, replacing=("guard.",))
    return metrics


def _split(subject: Subject, name: str) -> _Kind:
    records = subject.dataset.records(name)
    paths = tuple(subject.dataset.image_path(record) for record in records)
    return _Kind(paths, tuple(record.group for record in records))


def _kinds(subject: Subject) -> dict[str, _Kind]:
    """The test split, and all that is held against it."""
    test, photographs = _split(subject, "test"), read_photographs()
    first = dict(reversed([*zip(test.units, test.images, strict=True)]))  # of each group
    one_each = [Path(str(first[group])) for group in dict.fromkeys(test.units)]
    several = [(name, one) for name, whole in photographs.items() for one in crops(whole)]
    kinds = {
        "test": test,
        "photographs": _Kind([one for _, one in several], tuple(name for name, _ in several)),
        "whole_photographs": _Kind([*photographs.values()], tuple(photographs)),
        "pasted": _alone(paste(one_each, photographs, seed=SEED)),
    }
    drawings = read_drawings(seed=SEED)
    if not drawings:
        message("openclipart is not installed: the guard is not held against it")
        return kinds
    return {**kinds, "openclipart": _alone(drawings)}


def _alone(images: Sequence[ImageLike]) -> _Kind:
    return _Kind(images, tuple(map(str, range(len(images)))))


def _tell(predictor: Predictor, guard: Guard, nearest: NearestNeighbors, name: str, kind: _Kind) -> _Told:
    features_NF: Array = predictor.outputs(kind.images, progress=f"guard: {name}").features
    pixels_N1, _ = nearest.kneighbors(pixel_features(kind.images))
    return _Told(
        guard=pool_scores(guard.distances(features_NF)[:, None], kind.units)[:, 0],
        pixels=pool_scores(pixels_N1, kind.units)[:, 0],
        outside=float(guard.outside(features_NF).mean()),
    )


def _compare(unseen: _Told, foreign: _Told, *, seed: int) -> dict[str, float]:
    count = len(foreign.guard)
    scores_U2 = np.column_stack(
        [np.concatenate([unseen.guard, foreign.guard]), np.concatenate([unseen.pixels, foreign.pixels])]
    )
    foreign_U2 = np.zeros(scores_U2.shape, dtype=np.bool_)
    foreign_U2[-count:] = True
    drawn = draw_weights(len(scores_U2), seed=seed)
    by_guard, by_pixels = class_scores(scores_U2, foreign_U2, drawn).aucs
    assert by_guard is not None  # both sides are there
    assert by_pixels is not None
    return {
        **flat_estimate("auroc", by_guard.estimate()),
        "pixels_auroc": by_pixels.value,
        "outside": foreign.outside,
        "count": float(count),
    }
