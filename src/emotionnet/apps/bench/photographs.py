"""Photographs to measure with: made up, but with the smooth areas, edges of light and grain of real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

GRIDS = (3, 6, 12, 24, 48, 96, 192)  # points across, coarse to fine; contrast falls with each
GRAIN = 5.0  # standard deviation, of 255
QUALITY, SUBSAMPLING = 85, "4:2:0"


def photographs(folder: Path, count: int, *, width: int, height: int, seed: int = 0) -> list[Path]:
    """Write JPEG photographs of smooth colour and mild noise; equal arguments give equal pictures.

    Args:
        folder: Where they go, as `00000.jpg` and so on; made where it is missing.
        count: How many.
        width: In pixels.
        height: In pixels.
        seed: Of their content.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, width, height])
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    for path in paths:
        picture = Image.fromarray(_pixels(width, height, rng))
        picture.save(path, quality=QUALITY, subsampling=SUBSAMPLING)
    return paths


def _pixels(width: int, height: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Uint8, shape (height, width, 3): octaves of noise, as natural pictures have, then grain."""
    pixels_HW3 = np.full((height, width, 3), 127.0, dtype=np.float32)
    for octave, points in enumerate(GRIDS):
        contrast = 55 / 1.6**octave
        coarse_hw3 = rng.normal(0, contrast, size=(max(2, points * height // width), points, 3))
        shared_hw1 = rng.normal(0, contrast, size=(*coarse_hw3.shape[:2], 1))  # light, more than colour
        pixels_HW3 += _enlarged((0.5 * coarse_hw3 + 0.8 * shared_hw1).astype(np.float32), width, height)
    pixels_HW3 += rng.normal(0, GRAIN, size=pixels_HW3.shape)
    return np.clip(np.rint(pixels_HW3), 0, 255).astype(np.uint8)


def _enlarged(coarse_hw3: npt.NDArray[np.float32], width: int, height: int) -> npt.NDArray[np.float32]:
    channels = [Image.fromarray(coarse_hw3[..., channel]) for channel in range(3)]
    resized = [one.resize((width, height), Image.Resampling.BICUBIC) for one in channels]
    return np.stack([np.asarray(one) for one in resized], axis=-1)
