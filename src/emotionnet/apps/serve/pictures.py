"""Pictures from outside: looked at before they are decoded, and sent out as pixels alone."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from emotionnet.apps.memory import give_back_memory
from emotionnet.apps.serve.errors import RefusedError
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.pieces import has_more_pieces, has_more_scans
from emotionnet.data.images import opened
from emotionnet.data.jpeg import largest_shrink
from emotionnet.data.picture import FORMATS, faults
from emotionnet.records import DataError

SMALL = 4_000_000  # pixels: below that pictures are decoded side by side
QUALITY = 88
JPEG = ("JPEG", "MPO")


class Pixels:
    """How many pixels are decoded at once: many small pictures, or one large one after the other."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0
        self._freed = threading.Condition()

    @contextmanager
    def held(self, count: int) -> Iterator[None]:
        """Wait for room for a picture, which has it until the block ends."""
        if count <= SMALL:
            yield
            return
        with self._freed:
            self._freed.wait_for(lambda: self._held == 0 or self._held + count <= self._most)
            self._held += count
        try:
            yield
        finally:
            with self._freed:
                self._held -= count
                self._freed.notify_all()
            give_back_memory()


def look(content: bytes, limits: Limits) -> int:
    """Look at a picture without decoding it.

    Returns:
        How many pixels it has.

    Raises:
        RefusedError: It is no picture, or decoding it may take too much time or memory.
    """
    if has_more_pieces(content, limits.pieces):
        said = f"must consist of at most {limits.pieces:,} segments, chunks or blocks; has more"
        raise RefusedError(413, "too_many_pieces", said)
    try:
        with faults("picture"), Image.open(io.BytesIO(content), formats=FORMATS) as image:
            (width, height), form = image.size, image.format
            is_plain = form in JPEG and not image.info.get("progressive")
    except DataError as error:
        raise refusal(error) from None
    most = limits.jpeg_pixels if is_plain else limits.pixels
    if width * height > most:
        found = f"{width:,} x {height:,}"
        raise RefusedError(413, "too_many_pixels", f"must have at most {most:,} pixels; has {found}")
    if form in JPEG and has_more_scans(content, limits.scans):
        raise RefusedError(413, "too_many_scans", f"must be a JPEG of at most {limits.scans} scans; has more")
    return width * height


def refusal(error: DataError) -> RefusedError:
    """Why a picture cannot be read; without the name that the reader gave it."""
    if isinstance(error, RefusedError):
        return error
    said = re.sub(r"^(<\w+>|picture): ", "", error.faults[0])
    if said.startswith("must be a picture"):
        return RefusedError(415, "no_picture", said)
    return RefusedError(422, "unreadable_picture", said)


def reencoded(content: bytes, side: int) -> bytes:
    """A picture as a JPEG without metadata, at most so many pixels wide and high.

    Raises:
        DataError: It cannot be decoded.
    """
    with opened(content) as picture:
        image = picture.image(largest_shrink(max(picture.size), side))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    image.info.clear()  # Pillow would pass a comment on
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
