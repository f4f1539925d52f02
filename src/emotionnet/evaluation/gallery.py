"""Pictures that a run got most right and most wrong, small enough to stand inside a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from emotionnet.data.images import decode
from emotionnet.data.shards.member import PictureFile
from emotionnet.data.store import Dataset
from emotionnet.records import DataError

THUMBNAIL = 112  # pixels, the longer side


@dataclass(frozen=True)
class Tile:
    """One predicted picture: its own emotions, the top emotion with its probability, nearest tags."""

    id: str
    thumbnail: str
    truth: tuple[str, ...]
    predicted: str
    probability: float
    tags: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        return self.predicted in self.truth


def best_and_worst(
    predictions: pl.DataFrame, dataset: Dataset, emotions: Sequence[str], *, count: int = 12
) -> tuple[tuple[Tile, ...], tuple[Tile, ...]]:
    """Right top emotions with the highest probability, and wrong ones; one picture for each group.

    Pictures without a label can be neither.

    Args:
        predictions: As `scoring.read_predictions` gives them.
        dataset: Where the pictures lie.
        emotions: Names in the order of the probabilities.
        count: How many of each at most.

    Raises:
        DataError: The table is of other emotions, or a picture is missing or broken.
    """
    rows = sorted(
        predictions.to_dicts(), key=lambda row: (-max(row["probabilities"], default=0.0), row["id"])
    )
    if any(len(row["probabilities"]) != len(emotions) for row in rows):
        raise DataError(f"predictions must have {len(emotions)} probabilities each; evaluate the run again")
    chosen: dict[bool, dict[str, dict[str, Any]]] = {True: {}, False: {}}
    for row in rows:
        if not row["labels"]:
            continue
        is_right = emotions[int(np.argmax(row["probabilities"]))] in row["labels"]
        if len(chosen[is_right]) < count:
            chosen[is_right].setdefault(row["group"], row)
    best, worst = (
        tuple(_tile(row, dataset, emotions) for row in chosen[kind].values()) for kind in (True, False)
    )
    return best, worst


def thumbnail(picture: PictureFile) -> str:
    """A small WebP of the picture as a `data:` URI.

    Raises:
        DataError: The picture is missing or cannot be decoded; names it.
    """
    image = decode(picture)
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=85, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _tile(row: dict[str, Any], dataset: Dataset, emotions: Sequence[str]) -> Tile:
    top = int(np.argmax(row["probabilities"]))
    return Tile(
        id=row["id"],
        thumbnail=thumbnail(dataset.picture(row["path"], row["id"])),
        truth=tuple(row["labels"]),
        predicted=emotions[top],
        probability=float(row["probabilities"][top]),
        tags=tuple(row["tags"]),
    )
