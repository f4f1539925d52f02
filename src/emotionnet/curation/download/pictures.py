"""From the bytes that came to a picture that can be kept."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from emotionnet.curation.download.lost import Lost
from emotionnet.data.images import decode
from emotionnet.data.looks import TELLING, look_and_quality
from emotionnet.data.picture import FORMATS, faults, shrunk_size
from emotionnet.records import DataError

SHORT_SIDE, QUALITY = 256, 95  # pixels; of a JPEG
TYPES = {
    "JPEG": ("jpg", "image/jpeg"),
    "MPO": ("jpg", "image/jpeg"),  # a JPEG with more pictures behind it
    "PNG": ("png", "image/png"),
    "WEBP": ("webp", "image/webp"),
    "GIF": ("gif", "image/gif"),
    "BMP": ("bmp", "image/bmp"),
    "TIFF": ("tif", "image/tiff"),
    "PPM": ("ppm", "image/x-portable-anymap"),
    "AVIF": ("avif", "image/avif"),
}


@dataclass(frozen=True)
class Kept:
    """A picture that came.

    Args:
        sha256: Of what is stored.
        look: Its PDQ hash; None: it would tell nothing.
        path: Where it will lie, relative to the folder.
        content: What is stored.
        width: Pixels, upright.
        height: Pixels, upright.
        type: By content.
    """

    sha256: bytes
    look: bytes | None
    path: str
    content: bytes
    width: int
    height: int
    type: str


def picture_of(content: bytes, *, max_pixels: int, shrink: bool) -> Kept:
    """Look at what came, decode it once, and say what is to be stored.

    Args:
        content: A body.
        max_pixels: Checked before any is decoded.
        shrink: A longer short side becomes `SHORT_SIDE` pixels, as a JPEG.

    Raises:
        Lost: It is empty, no picture, a broken one or too large.
    """
    form = _form(content, max_pixels)
    try:
        image = decode(content)
        size = shrunk_size(image.size, SHORT_SIDE)
        if shrink and size != image.size:
            buffer = io.BytesIO()
            image.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=QUALITY)
            content, form = buffer.getvalue(), "JPEG"
            image = decode(content)
        look, quality = look_and_quality(image)
    except DataError as error:
        raise Lost("broken picture", str(error).removeprefix("<bytes>: ")) from None
    suffix, kind = TYPES[form]
    digest = hashlib.sha256(content)
    name = digest.hexdigest()
    path = f"images/{name[:2]}/{name}.{suffix}"
    told = look if quality >= TELLING else None
    return Kept(digest.digest(), told, path, content, *image.size, kind)


def _form(content: bytes, max_pixels: int) -> str:
    if not content:
        raise Lost("empty body")
    try:
        with faults("body"), Image.open(io.BytesIO(content), formats=FORMATS) as image:
            (width, height), form = image.size, str(image.format)
    except DataError as error:
        if isinstance(error.__context__, Image.DecompressionBombError):
            raise Lost("too many pixels", "more than any picture may have") from None
        raise Lost("not a picture", f"begins with {content[:16]!r}") from None
    if width * height > max_pixels:
        raise Lost("too many pixels", f"{width} x {height}")
    return form
