"""Heat maps of any network: parts of the picture are covered in turn (Zeiler and Fergus, ECCV 2014).

Shape letters: S = image side in pixels, G = cells a side, P = places of the cover.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import numpy.typing as npt
from PIL import Image

from emotionnet.inference.backends import Backend
from emotionnet.inference.outputs import Array, Outputs

CELLS = 8  # a side: what is covered is two cells wide, and moves by one


def occlusion(backend: Backend, input_3SS: Array, values: Callable[[Outputs], Array]) -> Array:
    """Which parts of a picture a network would say less without.

    Each part is covered by the picture's mean colour; each of G x G cells has the mean of what four covers
    took away, where that is anything.

    Args:
        backend: What computes the network; (G + 1)^2 + 1 pictures are put through it.
        input_3SS: The picture as the network's input.
        values: What is explained, of the outputs of some pictures; shape (n,).

    Returns:
        Float32, shape (S, S), from 0 to 1, all 0 where nothing takes anything away.
    """
    side = input_3SS.shape[1]
    places = [(row, column) for row in range(-1, CELLS) for column in range(-1, CELLS)]
    with closing(backend.run(_batches(input_3SS, places, backend.step))) as told:
        values_P = np.concatenate([values(outputs) for outputs in told]).astype(np.float64)
    lost_GG = np.zeros((CELLS, CELLS))
    for (row, column), value in zip(places, values_P[1:], strict=True):
        lost_GG[_two(row), _two(column)] += (values_P[0] - value) / 4
    lost_GG = lost_GG.clip(0)
    if lost_GG.max() > 0:
        lost_GG /= lost_GG.max()
    cells = Image.fromarray(lost_GG.astype(np.float32))
    heat_SS: Array = np.asarray(cells.resize((side, side), Image.Resampling.BILINEAR))
    return heat_SS


def _two(first: int) -> slice:
    """Two neighbouring cells of a row or column, as far as there are."""
    return slice(max(0, first), first + 2)


def _batches(input_3SS: Array, places: list[tuple[int, int]], step: int) -> Iterator[Array]:
    """The whole picture, then the picture covered at each place."""
    edges: npt.NDArray[np.int64] = np.linspace(0, input_3SS.shape[1], CELLS + 1).round().astype(np.int64)
    mean_311 = input_3SS.mean(axis=(1, 2), keepdims=True)

    def covered(row: int, column: int) -> Array:
        copy_3SS = input_3SS.copy()
        rows, columns = (slice(edges[max(0, first)], edges[min(CELLS, first + 2)]) for first in (row, column))
        copy_3SS[:, rows, columns] = mean_311
        return copy_3SS

    some = [input_3SS]
    for row, column in places:
        if len(some) == step:
            yield np.stack(some)
            some = []
        some.append(covered(row, column))
    yield np.stack(some)
