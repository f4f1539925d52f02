"""What is fitted once a network is trained: what tells foreign pictures, and from when an emotion counts.

Both stand in `model.json` beside the network and change none of its scores.
Shape letters: N = pictures, G = groups, C = emotions, F = features, S = side in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.config import TrainConfig
from emotionnet.data.store import Dataset
from emotionnet.evaluation.exporting import draw
from emotionnet.evaluation.units import Split, pool_labels, pool_told, read_split
from emotionnet.inference.engine import run_files
from emotionnet.inference.features import cached_outputs
from emotionnet.inference.guard import MAX_PICTURES, Contrast, Guard, nearest, shares, write_guard
from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.networks import network_of
from emotionnet.inference.outputs import Array, Outputs, joined
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.torch_backend import TorchBackend, on_device, run_network
from emotionnet.models.description import (
    ContrastFit,
    GuardFit,
    ImageModel,
    Thresholds,
    read_description,
    write_description,
)
from emotionnet.models.network import EmotionNet
from emotionnet.runs import CHECKPOINTS
from emotionnet.training.checkpoints import BEST

NEIGHBOURS = 1
NOISE = 128  # pictures of it; more told no more
SLOPES = (0.8, 1.6)  # of its spectrum; natural pictures lie about 1.2 (Tolhurst et al. 1992)
INSIDE = 0.95  # the chance of a picture of a new group to be inside
SEED = 0


def tune(run: Path, config: TrainConfig, dataset: Dataset) -> None:
    """Fit guard and thresholds to the best weights of a run, and write them beside its description.

    Args:
        run: Its `model.json` is written, and its best weights wait among the checkpoints.
        config: What it was trained by.
        dataset: What it was trained on. Pictures that cannot be read are left out; without any that can, the
            run has neither guard nor thresholds.
    """
    model = read_description(run, ImageModel)
    module = on_device(network_of(model, run / CHECKPOINTS / BEST), "auto")
    predictor = Predictor(TorchBackend(module), model, None)
    train, val = (read_split(dataset, name, model.emotions) for name in ("train", "val"))
    near = _told(predictor, train, "guard: train", known=config.model.probe)
    far = _told(predictor, val, "guard: val", known=config.model.probe)
    if near is None or far is None:
        return
    data_hash = dataset.split_hash("val")
    rows, outputs = far
    groups = [val.groups[row] for row in rows]
    guard, fit = fit_guard(
        near[1].features, outputs.features, groups, _noise_features(module, model), data_hash=data_hash
    )
    thresholds = None
    if config.objective.classification != "none":
        _, probabilities_GC = pool_told(outputs.scores, groups, model.activation)
        assert probabilities_GC is not None  # softmax or sigmoid
        labels_GC = pool_labels(val.labels[rows], groups)
        values = best_thresholds(probabilities_GC, labels_GC, model.emotions)
        thresholds = Thresholds(values=values, data_hash=data_hash)
    write_guard(guard, run)
    write_description(run, model.model_copy(update={"guard": fit, "thresholds": thresholds}))


def fit_guard(
    train_NF: Array, val_NF: Array, groups: Sequence[str], noise_MF: Array, *, data_hash: str
) -> tuple[Guard, GuardFit]:
    """Fit what tells foreign pictures; see `inference.guard`.

    Args:
        train_NF: Features of training pictures, any length per row.
        val_NF: Those of validation pictures, at least one.
        groups: The group of each of these.
        noise_MF: Those of noise.
        data_hash: Of the validation split.

    Returns:
        The guard, and what `model.json` says of it.
    """
    kept_RF, noise_MF16 = (unit_rows(rows).astype(np.float16) for rows in (train_NF, noise_MF))
    val_UF = unit_rows(val_NF)
    near_N = nearest(val_UF, unit_rows(kept_RF.astype(np.float32)), NEIGHBOURS)
    share_N = shares(near_N, nearest(val_UF, unit_rows(noise_MF16.astype(np.float32))))
    contrast = ContrastFit(pictures=len(noise_MF), near=_ends(near_N), share=_ends(share_N))
    guard = Guard(kept_RF, NEIGHBOURS, 0.0, Contrast(noise_MF16, contrast.near, contrast.share))
    threshold = group_quantile(guard.distances(val_NF), groups, INSIDE)
    fit = GuardFit(
        neighbours=NEIGHBOURS,
        pictures=len(kept_RF),
        threshold=threshold,
        contrast=contrast,
        quantile=INSIDE,
        groups=len(set(groups)),
        data_hash=data_hash,
    )
    return Guard(kept_RF, NEIGHBOURS, threshold, guard.contrast), fit


def group_quantile(values_N: npt.NDArray[Any], groups: Sequence[str], level: float) -> float:
    """A value that a picture of a new group exceeds with a probability of at most 1 - `level`.

    As in split conformal prediction (Vovk et al. 2005): the new group counts among the others, at infinity.
    All groups weigh the same, and so do the pictures of one.

    Returns:
        One of the values; the largest where there are too few groups to say more.

    Example:
        >>> group_quantile(np.array([1.0, 2.0, 9.0, 3.0]), ["a", "b", "b", "c"], 0.5)
        2.0
    """
    index, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)[1:]
    order = np.argsort(values_N, kind="stable")
    reached_N = np.cumsum(1 / counts[index][order]) / (len(counts) + 1)
    place = int(np.searchsorted(reached_N, level - 1e-9))
    return float(values_N[order][min(place, len(values_N) - 1)])


def best_thresholds(
    probabilities_GC: npt.NDArray[Any], labels_GC: npt.NDArray[np.bool_], names: Sequence[str]
) -> dict[str, float]:
    """For each emotion the probability from which on to say it, so that F1 is best.

    The few groups of one emotion put it too low by chance, so it is never below the one that is best for the
    F1 of all of them together.

    Args:
        probabilities_GC: 0 to 1.
        labels_GC: What is true.
        names: Of the emotions.

    Returns:
        Half way to the next smaller probability, the higher one of equally good ones. Without emotions that
        fewer than two groups carry, or all.
    """
    counts_C = labels_GC.sum(axis=0)
    kept_C = (counts_C >= 2) & (counts_C < len(labels_GC))
    if not kept_C.any():
        return {}
    told_GC, true_GC = probabilities_GC[:, kept_C], labels_GC[:, kept_C]
    least = _best_threshold(told_GC.ravel(), true_GC.ravel())
    own = (_best_threshold(told_G, true_G) for told_G, true_G in zip(told_GC.T, true_GC.T, strict=True))
    kept = (name for name, is_kept in zip(names, kept_C, strict=True) if is_kept)
    return {name: max(value, least) for name, value in zip(kept, own, strict=True)}


def _best_threshold(told_G: npt.NDArray[Any], true_G: npt.NDArray[np.bool_]) -> float:
    """Of any probabilities, and whether each is of what is true."""
    order = np.argsort(-told_G, kind="stable")
    told_G, hits_G = told_G[order], np.cumsum(true_G[order])
    f1_G = 2 * hits_G / (np.arange(1, len(told_G) + 1) + true_G.sum())
    f1_G[:-1][told_G[:-1] == told_G[1:]] = -1  # equal ones are said together, or not at all
    best = int(f1_G.argmax())
    following = told_G[best + 1] if best + 1 < len(told_G) else 0.0
    return float((told_G[best] + following) / 2)


def noise_pictures(count: int, side: int, *, seed: int = SEED) -> list[npt.NDArray[np.uint8]]:
    """Colour noise whose amplitude falls with frequency as in natural pictures (Field 1987).

    To learn from such pictures is that of Baradad et al., NeurIPS 2021, https://arxiv.org/abs/2106.05963.

    Returns:
        Uint8, shape (S, S, 3) each.
    """
    rng = np.random.default_rng(seed)
    frequencies_S = np.fft.fftfreq(side)
    radius_SS1 = np.hypot(frequencies_S[:, None], frequencies_S)[..., None]
    radius_SS1[0, 0] = 1 / side
    found = []
    for _ in range(count):
        white_SS3 = np.fft.fft2(rng.normal(size=(side, side, 3)), axes=(0, 1))
        pixels_SS3 = np.fft.ifft2(white_SS3 / radius_SS1 ** rng.uniform(*SLOPES), axes=(0, 1)).real
        pixels_SS3 = pixels_SS3 @ rng.normal(size=(3, 3))
        pixels_SS3 = (pixels_SS3 - pixels_SS3.mean((0, 1))) / max(pixels_SS3.std(), 1e-9)
        pixels_SS3 = pixels_SS3 * rng.uniform(20, 60) + rng.uniform(60, 200, 3)
        found.append(pixels_SS3.clip(0, 255).astype(np.uint8))
    return found


def _noise_features(module: EmotionNet, model: ImageModel) -> Array:
    pictures = noise_pictures(NOISE, model.preprocessing.image_size)
    return run_network(module, model.preprocessing, pictures).features


def _told(
    predictor: Predictor, split: Split, progress: str, *, known: bool
) -> tuple[list[int], Outputs] | None:
    """Outputs of some pictures of a split, each once, and a row of each; None where none can be read.

    Args:
        predictor: The network.
        split: One of each group before a second of any is taken, in the order of the split.
        progress: What a progress bar says.
        known: Whether its features were computed before, so that they are in the cache.
    """
    row_of = {path: row for row, path in reversed(list(enumerate(split.paths)))}
    rows = sorted(row_of[path] for path in draw(split, MAX_PICTURES))
    if known:
        return rows, cached_outputs(predictor, split.paths, progress=progress).take(rows)
    paths = [split.paths[row] for row in rows]
    how = predictor.model.preprocessing
    with closing(run_files(predictor.backend, how, paths, progress=progress)) as steps:
        parts = [(told.pictures, told.outputs) for told in steps if told.outputs is not None]
    if not parts:
        return None
    read = [row_of[path] for pictures, _ in parts for path in pictures]
    return read, joined([outputs for _, outputs in parts])


def _ends(values_N: Array) -> tuple[float, float]:
    """The median, and where the largest tenth begins; never the same."""
    middle, far = np.quantile(values_N.astype(np.float64), [0.5, 0.9]).tolist()
    return middle, max(far, middle + 1e-3)
