"""Whether a picture is like those that a network was trained on, told by the trunk's features.

Deep nearest neighbours (Sun et al., ICML 2022, https://arxiv.org/abs/2204.06507): the distance of a picture
is that to its k-th nearest training picture, on features of length 1. No torch in here.
Shape letters: N = pictures, F = features, R = training pictures that are kept.
"""

from __future__ import annotations

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
class Guard:
    """Training pictures to be near to, and how near.

    Args:
        kept_RF: Their features; float16, shape (R, F), rows of length 1.
        neighbours: The distance is that to which of them, the nearest being 1.
        threshold: A cosine distance; a picture farther away is outside.
    """

    kept_RF: npt.NDArray[np.float16]
    neighbours: int
    threshold: float

    @property
    def n_features(self) -> int:
        """F."""
        return int(self.kept_RF.shape[1])

    def distances(self, features_NF: Array) -> Array:
        """One minus the cosine to the k-th nearest training picture.

        Args:
            features_NF: Of the trunk, any length per row; float, shape (N, F).

        Returns:
            Float32, shape (N,), from 0 to 2.

        Raises:
            ValueError: The features have another size.
        """
        if features_NF.ndim != 2 or features_NF.shape[1] != self.n_features:
            raise ValueError(f"features must have the shape (N, {self.n_features}); got {features_NF.shape}")
        found_N = np.zeros(len(features_NF), dtype=np.float32)
        for start in range(0, len(features_NF), BLOCK):
            cosines_NR = unit_rows(features_NF[start : start + BLOCK]) @ self._directions.T
            place = cosines_NR.shape[1] - self.neighbours
            nearest_N = np.partition(cosines_NR, place, axis=1)[:, place]
            found_N[start : start + BLOCK] = np.clip(1 - nearest_N, 0, 2)
        return found_N

    def outside(self, features_NF: Array) -> npt.NDArray[np.bool_]:
        """Which pictures are farther away than the threshold; boolean, shape (N,)."""
        return self.distances(features_NF) > np.float32(self.threshold)

    @cached_property
    def _directions(self) -> Array:
        return unit_rows(self.kept_RF.astype(np.float32))


def write_guard(guard: Guard, folder: Path) -> None:
    """Write the training pictures of a guard into a RUN; the rest of it stands in `model.json`."""
    write_bytes(folder / GUARD, safetensors.numpy.save({"features": guard.kept_RF}))


def read_guard(folder: Path) -> Guard | None:
    """The guard of a RUN, a MODEL or an INDEX; None where it has none.

    Raises:
        DataError: `model.json` is missing or broken, or the features are not those that it tells of.
    """
    fitted = read_description(folder, ImageModel).guard
    if fitted is None:
        return None
    kept_RF = _read_features(folder / GUARD)
    if len(kept_RF) != fitted.pictures:
        raise DataError(f"{folder / GUARD}: must hold {fitted.pictures} pictures; got {len(kept_RF)}")
    return Guard(kept_RF, fitted.neighbours, fitted.threshold)


def _read_features(path: Path) -> npt.NDArray[np.float16]:
    if not path.is_file():
        raise DataError(f"{path}: file not found; train or export the run again")
    try:
        arrays = safetensors.numpy.load_file(path)
    except Exception as error:  # the header of a broken file can fail in many ways
        raise DataError(f"{path}: must be a safetensors file; {error}") from None
    kept_RF = arrays.get("features")
    if kept_RF is None or kept_RF.dtype != np.float16 or kept_RF.ndim != 2 or not np.isfinite(kept_RF).all():
        found = ", ".join(f"{name} {a.dtype} {a.shape}" for name, a in arrays.items()) or "nothing"
        raise DataError(f"{path}: must hold finite 'features', float16 of shape (R, F); got {found[:200]}")
    return kept_RF
