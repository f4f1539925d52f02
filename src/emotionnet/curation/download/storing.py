"""From the bytes that came to a picture in the folder.

A picture first lies in `.incoming/`, then the ledger tells of it, then it is shown under its name: so that
whatever is seen in `images/` is whole and in the ledger, whenever the process is killed.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from emotionnet.curation.download.lost import Lost
from emotionnet.data.images import decode
from emotionnet.data.looks import TELLING, look_and_quality
from emotionnet.data.picture import FORMATS, faults, shrunk_size
from emotionnet.files import sha256
from emotionnet.records import DataError

INCOMING = ".incoming"
SHORT_SIDE, QUALITY = 256, 95  # pixels; of a JPEG
_DIGEST = re.compile("[0-9a-f]{64}")
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


class Folder:
    """Pictures as files, by their content."""

    def __init__(self, out: Path) -> None:
        self._out, self._incoming = out, out / INCOMING
        self._incoming.mkdir(parents=True, exist_ok=True)

    def take(self, number: int, kept: Kept) -> str:
        """Write what came; it is not seen yet.

        Args:
            number: Of the URL: no other writes under this name.
            kept: The picture.

        Returns:
            Where it will lie, as the ledger has it.
        """
        with (self._incoming / f"{kept.sha256.hex()}.{number}").open("wb") as file:
            file.write(kept.content)
            file.flush()
            os.fsync(file.fileno())
        return kept.path

    def show(self, paths: Mapping[int, tuple[bytes, str]]) -> None:
        """Give pictures their names, now that the ledger tells of them.

        Args:
            paths: SHA-256 and place, by the number that `take` was given.
        """
        for number, (digest, path) in paths.items():
            self._show(self._incoming / f"{digest.hex()}.{number}", self._out / path)

    def _show(self, beside: Path, place: Path) -> None:
        if place.exists():
            beside.unlink()
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.replace(place)

    def settle(self, path_of: Callable[[bytes], str | None]) -> None:
        """Show what was left unseen where the ledger tells of it and it is whole; delete the rest.

        Args:
            path_of: Where a picture of a SHA-256 should lie; None: nobody knows of it.
        """
        for beside in sorted(self._incoming.iterdir()):
            name = beside.name.partition(".")[0]
            path = path_of(bytes.fromhex(name)) if _DIGEST.fullmatch(name) else None
            if path is not None and sha256(beside) == name:
                self._show(beside, self._out / path)
            else:
                beside.unlink()

    def close(self, path_of: Callable[[bytes], str | None]) -> None:
        """As `settle`, and nothing but the pictures is left."""
        self.settle(path_of)
        self._incoming.rmdir()
