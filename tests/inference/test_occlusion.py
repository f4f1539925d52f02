"""Heat of covered parts, on networks whose answer is plain."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

import numpy as np
import pytest
from PIL import Image

from emotionnet.inference.occlusion import CELLS, occlusion
from emotionnet.inference.outputs import Array, Outputs

SIDE = 32
WIDE = SIDE // CELLS


class _Backend:
    """Tells one number of each picture; notes how many came at once."""

    name, n_features = "by hand", 1

    def __init__(self, tell: Callable[[Array], float], step: int) -> None:
        self.step, self.seen = step, list[int]()
        self._tell = tell

    def run(self, batches: Iterable[Array]) -> Generator[Outputs]:
        for batch_N3SS in batches:
            self.seen.append(len(batch_N3SS))
            told_N1 = np.array([[self._tell(one)] for one in batch_N3SS], dtype=np.float32)
            yield Outputs(told_N1, told_N1, None)


def _first(outputs: Outputs) -> Array:
    return outputs.scores[:, 0]


def _heat(tell: Callable[[Array], float], input_3SS: Array, step: int = 7) -> Array:
    return occlusion(_Backend(tell, step), input_3SS, _first)


def _with_cell(row: int, column: int) -> Array:
    """All 0 but for one cell."""
    input_3SS = np.zeros((3, SIDE, SIDE), dtype=np.float32)
    input_3SS[:, row * WIDE : (row + 1) * WIDE, column * WIDE : (column + 1) * WIDE] = 1
    return input_3SS


@pytest.mark.parametrize(("row", "column"), [(2, 5), (0, 0), (7, 3)])
def test_heat_of_one_cell(row: int, column: int) -> None:
    """Four covers hide a cell; a cell beside it lies beneath two of them, one at its corner beneath one."""
    places = np.arange(CELLS)
    near_GG = np.maximum(0, 2 - np.abs(places[:, None] - row)) * np.maximum(0, 2 - np.abs(places - column))
    expected = Image.fromarray((near_GG / 4).astype(np.float32)).resize(
        (SIDE, SIDE), Image.Resampling.BILINEAR
    )
    heat_SS = _heat(lambda one: float(one.max()), _with_cell(row, column))
    assert heat_SS.dtype == np.float32
    np.testing.assert_allclose(heat_SS, np.asarray(expected), atol=1e-6)


def test_what_speaks_against_it_is_cold() -> None:
    assert not _heat(lambda one: -float(one.max()), _with_cell(2, 5)).any()


def test_covers_have_the_mean_colour() -> None:
    """So that a network which sees nothing but the mean colour of an even picture loses nothing."""
    input_3SS = np.broadcast_to(np.array([0.5, -1, 2], dtype=np.float32)[:, None, None], (3, SIDE, SIDE))
    assert not _heat(lambda one: float(one[2].sum()), input_3SS).any()


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_every_cover_once_whatever_fits_at_once(step: int) -> None:
    backend = _Backend(lambda one: float(one.max()), step)
    heat_SS = occlusion(backend, _with_cell(2, 5), _first)
    assert sum(backend.seen) == (CELLS + 1) ** 2 + 1
    assert max(backend.seen) <= step
    np.testing.assert_array_equal(heat_SS, _heat(lambda one: float(one.max()), _with_cell(2, 5)))
