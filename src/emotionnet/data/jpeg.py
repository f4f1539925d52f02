"""JPEG files at full size, or at a half, a quarter or an eighth of it while they are decoded.

By simplejpeg (extra [fast]) where it is installed and the file is a plain one, by Pillow elsewhere: both are
libjpeg-turbo, and the pixels are the same. What is odd or broken is left to Pillow, whose word holds.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

SHRINKS = (8, 4, 2)
SMALLEST = 8  # pixels: below that, simplejpeg's sizes do not tell a half from three eighths
MAX_BYTES = 2**26  # of a file that is read whole; Pillow reads it piece by piece
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def largest_shrink(have: int, need: int) -> int:
    """By how much, 8, 4, 2 or 1, so many pixels may be divided and still be as many as needed."""
    return next((shrink for shrink in SHRINKS if have >= shrink * max(need, SMALLEST)), 1)


def turn_of(image: JpegImageFile) -> Image.Transpose | None:
    """How an opened picture has to be turned to stand upright; None: it does (EXIF 2.3, tag Orientation)."""
    return TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))


def is_sideways(turn: Image.Transpose | None) -> bool:
    """Whether width and height change places when it is turned."""
    return turn in (TURNS[5], TURNS[6], TURNS[7], TURNS[8])


def decode_plain(image: JpegImageFile, shrink: int) -> npt.NDArray[np.uint8] | None:
    """Decode an opened picture, not turned, by simplejpeg.

    Args:
        image: Opened, and not loaded.
        shrink: 8, 4, 2 or 1: sides are divided by it, and rounded up.

    Returns:
        uint8, shape (H, W, 3); None where Pillow has to: no simplejpeg, no plain JPEG, or a fault in it.
    """
    if simplejpeg is None or image.fp is None or image.mode not in ("L", "RGB"):
        return None
    if image.fp.seek(0, os.SEEK_END) > MAX_BYTES:
        return None
    image.fp.seek(0)
    content = image.fp.read()
    width, height = (-(-side // shrink) for side in image.size)  # rounded up
    try:
        if simplejpeg.decode_jpeg_header(content)[:2] != image.size[::-1]:
            return None
        pixels_HW3: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(
            content, min_height=height, min_width=width
        )
    except Exception:  # whatever it is: Pillow tells it
        return None
    return pixels_HW3 if pixels_HW3.shape == (height, width, 3) else None


def draft(image: JpegImageFile, shrink: int) -> None:
    """Let Pillow decode an opened picture at a part of its size, as `decode_plain` does."""
    if shrink > 1:
        image.draft(None, (image.width // shrink, image.height // shrink))
