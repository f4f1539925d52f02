"""What an index keeps of a picture besides what a network says of it, gathered while the file is open.

EXIF says when a picture was taken; where it was taken is neither read nor kept.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from emotionnet.data.images import Preprocessing, evaluation_input, opened
from emotionnet.data.jpeg import largest_shrink
from emotionnet.data.looks import TELLING, look_and_quality
from emotionnet.data.picture import FORMATS, Picture, faults
from emotionnet.data.picture_files import content_sha256
from emotionnet.data.shards.member import PictureFile, ShardMember
from emotionnet.inference.outputs import Array

THUMBNAIL = 256  # pixels of the longer side, at most
ENOUGH = 192  # pixels of the longer side of what was decoded for the network: then nothing is decoded again
_QUALITY = 80  # of the thumbnail's JPEG


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one picture: width and height upright, pixels; `look` is None where it tells nothing."""

    sha256: str
    width: int
    height: int
    taken: datetime | None
    look: bytes | None
    thumbnail: bytes


def read_with_facts(path: PictureFile, how: Preprocessing) -> tuple[Array, Facts]:
    """The network's input of a file, as `evaluation_input` has it, and its facts.

    It is decoded once, unless that is at a reduced size which is too small for a thumbnail.

    Raises:
        DataError: As `evaluation_input`, or the file cannot be read.
    """
    content = content_sha256(path)
    with opened(path) as picture:
        once = _Decoded(picture)
        result = evaluation_input(once, how)
        with faults(str(path)):
            return result, _facts(path, content, once)


class _Decoded(Picture):
    """A picture that remembers what was decoded of it."""

    def __init__(self, picture: Picture) -> None:
        self.picture, self.size, self.exact = picture, picture.size, picture.exact
        self.decoded: Image.Image | None = None

    def array(self, shrink: int = 1) -> npt.NDArray[np.uint8]:
        return np.array(self.image(shrink))

    def image(self, shrink: int = 1) -> Image.Image:
        self.decoded = self.picture.image(shrink)
        return self.decoded

    def scale(self, shrink: int) -> tuple[float, float]:
        return self.picture.scale(shrink)


def _facts(path: PictureFile, content: str, picture: _Decoded) -> Facts:
    image = picture.decoded
    if image is None or max(image.size) < min(ENOUGH, max(picture.size)):
        with opened(path) as again:
            image = again.image(largest_shrink(max(again.size), THUMBNAIL))
    hashed, quality = look_and_quality(image)
    look = hashed if quality >= TELLING else None
    return Facts(content, *picture.size, date_taken(path), look, thumbnail_of(image))


def thumbnail_of(image: Image.Image) -> bytes:
    """A small JPEG of a picture, RGB, without metadata; a picture that is small itself keeps its size."""
    scale = min(1.0, THUMBNAIL / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
    small.info.clear()  # a comment would go along
    content = io.BytesIO()
    small.save(content, "JPEG", quality=_QUALITY, optimize=True)
    return content.getvalue()


def date_taken(path: PictureFile) -> datetime | None:
    """When a picture was taken, as its EXIF says (2.3, tag DateTimeOriginal); None where it says nothing.

    Of the file no pixel is decoded.
    """
    with (
        contextlib.suppress(Exception),
        Image.open(
            io.BytesIO(path.read()) if isinstance(path, ShardMember) else path, formats=FORMATS
        ) as image,
    ):  # each has its own errors
        exif = Image.Image.getexif(image)  # that of a PNG would decode it, for EXIF behind its pixels
        told = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
        return datetime.strptime(str(told).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    return None
