"""Crops of single faces as further training pictures (Wei et al. 2020, section 3)."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from emotionnet.curation.faces import Detector, Face, find_faces
from emotionnet.data.images import decode
from emotionnet.progress import message, track
from emotionnet.records import DataError

MARGIN = 0.25  # of the box's width and height, on each side: hair, chin and ears tell too


@dataclass(frozen=True)
class FaceFloor:
    """Which faces are worth a crop.

    Args:
        score: The detector must be so sure, 0 to 1.
        side: The shorter side of the face's box must have so many pixels.
    """

    score: float
    side: int


def add_face_crops(
    train: pl.DataFrame, folder: Path, detector: Detector, floor: FaceFloor
) -> tuple[pl.DataFrame, int]:
    """Write a crop of each face in the training pictures; one that cannot be decoded is named on the way.

    A crop has the labels, tags, group, source and licence of its picture, id `<id>#face<n>` and path
    `<path>~face<n>.png`, n = 0 for the surest face. Of crops with the same bytes the first stays.

    Args:
        train: Rows of the training split; those of pictures that were not fetched (no sha256) are left alone.
        folder: Where their paths lead from; the crops are written there.
        detector: What finds the faces.
        floor: Which of them count.

    Returns:
        The table with the rows of the crops at its end, and how many these are.

    Raises:
        DataError: The detector fails.
    """
    known = set(train["sha256"])
    local = train.with_row_index("from").filter(pl.col("sha256") != "").select("from", "id", "path")
    rows: list[dict[str, Any]] = []
    for row, identity, path in track(local.iter_rows(), "Looking for faces", local.height):
        for number, content in enumerate(_crops(folder, path, detector, floor)):
            digest = hashlib.sha256(content).hexdigest()
            if digest in known:
                continue
            known.add(digest)
            place = f"{path}~face{number}.png"
            (folder / place).write_bytes(content)
            rows.append({"from": row, "id": f"{identity}#face{number}", "path": place, "sha256": digest})
    changed = pl.DataFrame(
        rows, schema={"from": pl.UInt32, "id": pl.String, "path": pl.String, "sha256": pl.String}
    )
    crops = changed.with_columns(train[changed["from"]].drop("id", "path", "sha256"))
    return pl.concat([train, crops.select(train.columns)]), crops.height


def crop_box(face: Face, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The face with its margin, in whole pixels inside the picture: left, upper, right, lower.

    Args:
        face: Its box.
        size: Width and height of the picture.
    """
    across, down = MARGIN * (face.x2 - face.x1), MARGIN * (face.y2 - face.y1)
    return (
        max(0, math.floor(face.x1 - across)),
        max(0, math.floor(face.y1 - down)),
        min(size[0], math.ceil(face.x2 + across)),
        min(size[1], math.ceil(face.y2 + down)),
    )


def _crops(folder: Path, path: str, detector: Detector, floor: FaceFloor) -> Iterator[bytes]:
    """PNG of each face that counts, the surest first; a picture that cannot be decoded has none."""
    try:
        image = decode(folder / path)
    except DataError as error:  # of a source that gave its sha256, nobody has decoded it yet
        message(str(error).replace(str(folder / path), path))
        return
    for face in _counting(find_faces(image, detector), floor):
        buffer = io.BytesIO()
        image.crop(crop_box(face, image.size)).save(buffer, "PNG")
        yield buffer.getvalue()


def _counting(faces: Sequence[Face], floor: FaceFloor) -> list[Face]:
    return [
        face
        for face in faces
        if face.score >= floor.score and min(face.x2 - face.x1, face.y2 - face.y1) >= floor.side
    ]
