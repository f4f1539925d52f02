"""One person of EMOTIC as a record, whichever file told of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from emotionnet.data.benchmarks.benchmark import picture
from emotionnet.data.benchmarks.text_tables import inner_path, label_index
from emotionnet.data.row_checks import RowError, shown
from emotionnet.emotions import LABEL_SETS
from emotionnet.records import ImageRecord

NAME = "emotic"
LABELS = LABEL_SETS["emotic26"]
DIMENSIONS = ("valence", "arousal", "dominance")
_MAX_SIDE = 2**20


def person(
    path: str,
    size: Sequence[float],
    box: Sequence[float],
    categories: Sequence[str],
    dimensions: Sequence[float],
) -> ImageRecord:
    """The record of a person, its id still that of the picture.

    Args:
        path: The picture.
        size: Its width and height in pixels.
        box: x1, y1, x2, y2 in pixels; what lies outside the picture is cut off.
        categories: By name; one that stands twice counts once.
        dimensions: Valence, arousal, dominance from 1 to 10; NaN where nobody gave one.

    Raises:
        RowError: A path, number or name is not what it must be.
    """
    labels = tuple(dict.fromkeys(label_index(name, LABELS) for name in categories))
    for name, value in zip(DIMENSIONS, dimensions, strict=True):
        if not (math.isnan(value) or 0 <= value <= 10):  # 1 to 10 as published; a mean of 0 harms nobody
            raise RowError(f"{name} must be a number from 1 to 10, or NaN; got {shown(value)}")
    known = tuple(math.nan if math.isnan(value) else float(value) for value in dimensions)  # one NaN for all,
    # so that equal records compare equal
    return picture(NAME, inner_path(path), labels, box=_clamped(box, size), dimensions=known)


def _clamped(box: Sequence[float], size: Sequence[float]) -> tuple[float, ...]:
    width, height = size
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise RowError(f"a picture must have a width and a height; got {shown(list(size))}")
    if not all(map(math.isfinite, box)):
        raise RowError(f"a box must be four numbers, x1 y1 x2 y2; got {shown(list(box))}")
    return tuple(
        float(min(max(value, 0), side)) for value, side in zip(box, (width, height) * 2, strict=True)
    )
