"""Copies of a picture among results: the same file twice, or the same picture in another size or quality.

Two pictures are copies when their files are equal, or when their looks (PDQ) are within the 20 bits of the
product's `near_duplicate_bits` and no cell of a 16 x 16 grid over both thumbnails differs by more than 0.12
in any colour. Looks alone will not do: they know no colours and see past small details, and within 20 bits
lie the ten coloured hearts and the horned face angry and smiling, which are what one searches for. Measured
on the emoji of one vendor and on photographs that were resized (to a half and a quarter) and saved anew
(JPEG, quality 30 and 10): copies of photographs differ by at most 0.05 and have looks within 20 bits; the
hearts by 0.22 and more, the horned faces by 0.29, women and men of one drawing by 0.13 and more. The
features of a network are no better judge: copies reach cosines of 0.73 to 0.99, the two horned faces 0.93.

Shape letters: N = pictures; 32 bytes of a look; 16 x 16 cells of 3 colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from emotionnet.data.images import decode

LOOK_BITS = 20
CELLS = 16
MOST_DIFFERENT = 0.12  # of the range of a colour, in any cell


@dataclass(frozen=True, slots=True)
class Appearance:
    """What copies are known by; `look` is None where a picture has none."""

    id: str
    sha256: str
    look: bytes | None


def fold_copies(
    ranked: Sequence[Appearance], count: int, thumbnail: Callable[[str], bytes]
) -> list[tuple[Appearance, tuple[Appearance, ...]]]:
    """The first `count` pictures of which none is a copy of one before it, each with its copies.

    Args:
        ranked: The best first.
        count: How many, at most.
        thumbnail: The small JPEG of a picture, by its id; asked only of pictures whose looks are near.

    Returns:
        In the given order; copies are looked for among all of `ranked`.
    """
    kept: list[tuple[Appearance, list[Appearance]]] = []
    cells: dict[str, npt.NDArray[np.float32] | None] = {}

    def cells_of(picture: Appearance) -> npt.NDArray[np.float32] | None:
        if picture.id not in cells:
            cells[picture.id] = _cells(thumbnail(picture.id))
        return cells[picture.id]

    for picture in ranked:
        copies = next((copies for best, copies in kept if _is_copy(best, picture, cells_of)), None)
        if copies is not None:
            copies.append(picture)
        elif len(kept) < count:
            kept.append((picture, []))
    return [(best, tuple(copies)) for best, copies in kept]


def _is_copy(
    one: Appearance, other: Appearance, cells_of: Callable[[Appearance], npt.NDArray[np.float32] | None]
) -> bool:
    if one.sha256 == other.sha256:
        return True
    if one.look is None or other.look is None or _distance(one.look, other.look) > LOOK_BITS:
        return False
    first, second = cells_of(one), cells_of(other)
    return first is not None and second is not None and float(abs(first - second).max()) <= MOST_DIFFERENT


def _distance(one: bytes, other: bytes) -> int:
    """In how many bits two looks differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def _cells(content: bytes) -> npt.NDArray[np.float32] | None:
    """The mean colours of a grid over a picture; float32, shape (16, 16, 3), 0..1; None without a picture."""
    if not content:
        return None
    small = decode(content).resize((CELLS, CELLS), Image.Resampling.BOX)
    cells: npt.NDArray[np.float32] = np.asarray(small, dtype=np.float32) / np.float32(255)
    return cells
