"""Whether a picture is like those that a network was trained on, told by the trunk's features.

Deep nearest neighbours (Sun et al., ICML 2022, https://arxiv.org/abs/2204.06507): the distance of a picture
is that to its k-th nearest training picture, on features of length 1. Networks that saw drawings alone find
photographs not much farther away than new drawings; so noise with the spectrum of natural pictures is kept,
too, and a picture is also far that is nearer to noise than validation pictures are. No torch in here.
Shape letters: N = pictures, F = features, R = training pictures that are kept, M = pictures of noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from emotionnet.files import write_bytes
from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.outputs import Array
from emotionnet.models.description import ImageModel, read_description
from emotionnet.records import DataError
from emotionnet.runs import GUARD

MAX_PICTURES = 2000  # that are kept: 5 MB for 1,280 features
BLOCK = 4096  # pictures at once, which bounds the memory of many


@dataclass(frozen=True, eq=False)
class Contrast:
    """Noise that a picture should be farther from than from training pictures.

    Args:
        noise_MF: Features of noise; float16, shape (M, F), rows of length 1.
        near: Of cosine distances to training pictures: 0 and 1 on the scale of the guard's distance.
        share: The same of the share of that distance in its sum with the distance to the nearest noise.
    """

    noise_MF: npt.NDArray[np.float16]
    near: tuple[float, float]
    share: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Guard:
    """Training pictures to be near to, and how near.

    Args:
        kept_RF: Their features; float16, shape (R, F), rows of length 1.
        neighbours: The distance is that to which of them, the nearest being 1.
        threshold: A picture farther away is outside.
        contrast: Noise to be far from; None: the distance is the cosine distance to training pictures.
    """

    kept_RF: npt.NDArray[np.float16]
    neighbours: int
    threshold: float
    contrast: Contrast | None = None

    @property
    def n_features(self) -> int:
        """F."""
        return int(self.kept_RF.shape[1])

    def distances(self, features_NF: Array) -> Array:
        """How far pictures are from those of training.

        Args:
            features_NF: Of the trunk, any length per row; float, shape (N, F).

        Returns:
            Float32, shape (N,), at least 0. With a contrast the larger of two numbers, each 0 for the median
            validation picture and 1 where its farthest tenth begins: the cosine distance to the k-th nearest
            training picture, and its share in the sum with the cosine distance to the nearest noise.

        Raises:
            ValueError: The features have another size.
        """
        if features_NF.ndim != 2 or features_NF.shape[1] != self.n_features:
            raise ValueError(f"features must have the shape (N, {self.n_features}); got {features_NF.shape}")
        found_N = np.zeros(len(features_NF), dtype=np.float32)
        for start in range(0, len(features_NF), BLOCK):
            found_N[start : start + BLOCK] = self._distances(unit_rows(features_NF[start : start + BLOCK]))
        return found_N

    def _distances(self, unit_NF: Array) -> Array:
        near_N = nearest(unit_NF, self._directions, self.neighbours)
        if self.contrast is None:
            return near_N
        noise_N = nearest(unit_NF, self._noise)
        scaled = (_scaled(near_N, self.contrast.near), _scaled(shares(near_N, noise_N), self.contrast.share))
        return np.maximum(np.maximum(*scaled), np.float32(0))

    def outside(self, features_NF: Array) -> npt.NDArray[np.bool_]:
        """Which pictures are farther away than the threshold; boolean, shape (N,)."""
        return self.distances(features_NF).astype(np.float64) > self.threshold

    @cached_property
    def _directions(self) -> Array:
        return unit_rows(self.kept_RF.astype(np.float32))

    @cached_property
    def _noise(self) -> Array:
        assert self.contrast is not None  # whoever asks looked
        return unit_rows(self.contrast.noise_MF.astype(np.float32))


def nearest(unit_NF: Array, others_RF: Array, count: int = 1) -> Array:
    """The cosine distance of each picture to the nearest but `count - 1` of others; 0 to 2, shape (N,)."""
    cosines_NR = unit_NF @ others_RF.T
    place = cosines_NR.shape[1] - count
    found_N: Array = np.clip(1 - np.partition(cosines_NR, place, axis=1)[:, place], 0, 2)
    return found_N


def shares(near_N: Array, noise_N: Array) -> Array:
    """What share the distance to training pictures has in its sum with that to noise; 0 to 1, shape (N,)."""
    found_N: Array = near_N / np.maximum(near_N + noise_N, np.float32(1e-12))
    return found_N


def _scaled(values_N: Array, ends: tuple[float, float]) -> Array:
    zero, one = np.float32(ends[0]), np.float32(ends[1])
    found_N: Array = (values_N - zero) / (one - zero)
    return found_N


def write_guard(guard: Guard, folder: Path) -> None:
    """Write the pictures of a guard into a RUN; the rest of it stands in `model.json`."""
    arrays = {"features": guard.kept_RF}
    if guard.contrast is not None:
        arrays["noise"] = guard.contrast.noise_MF
    write_bytes(folder / GUARD, safetensors.numpy.save(arrays))


def read_guard(folder: Path) -> Guard | None:
    """The guard of a RUN, a MODEL or an INDEX; None where it has none.

    Raises:
        DataError: `model.json` is missing or broken, or the features are not those that it tells of.
    """
    fitted = read_description(folder, ImageModel).guard
    if fitted is None:
        return None
    counts = {"features": fitted.pictures} | ({"noise": fitted.contrast.pictures} if fitted.contrast else {})
    arrays = _read_arrays(folder / GUARD, counts)
    contrast = None
    if fitted.contrast is not None:
        contrast = Contrast(arrays["noise"], fitted.contrast.near, fitted.contrast.share)
    return Guard(arrays["features"], fitted.neighbours, fitted.threshold, contrast)


def _read_arrays(path: Path, counts: Mapping[str, int]) -> dict[str, npt.NDArray[np.float16]]:
    """The arrays of a file, looked at: so many rows each, all of one size."""
    if not path.is_file():
        raise DataError(f"{path}: file not found; train or export the run again")
    try:
        arrays = safetensors.numpy.load_file(path)
    except Exception as error:  # the header of a broken file can fail in many ways
        raise DataError(f"{path}: must be a safetensors file; {error}") from None
    shapes = {name: (str(array.dtype), array.shape) for name, array in arrays.items()}
    sizes = {array.shape[1:] for array in arrays.values()}
    wanted = {name: ("float16", (count, *next(iter(sizes), ()))) for name, count in counts.items()}
    if shapes != wanted or len(sizes) != 1 or any(len(size) != 1 or not size[0] for size in sizes):
        rows = ", ".join(f"{name!r} ({count}, F)" for name, count in counts.items())
        raise DataError(f"{path}: must hold float16 arrays {rows}; got {str(shapes)[:200]}")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise DataError(f"{path}: must hold finite numbers; some are not")
    return arrays
