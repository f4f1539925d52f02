"""An opened picture: its size is known, and it is decoded when it is known how much of it is needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from emotionnet.data.jpeg import decode_plain, draft, is_sideways, turn_of
from emotionnet.records import DataError, first_line

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
MAX_PIXELS = 100_000_000
BACKGROUND = (255, 255, 255)

Pixels = npt.NDArray[np.uint8]


class Picture(ABC):
    """A picture that is opened and checked, and decoded once, when it is known how much of it is needed.

    `size` is the whole picture's, upright: width and height in pixels. `exact` says whether it is stored
    without loss, so that its parts are resampled by Pillow in training too.
    """

    size: tuple[int, int]
    exact = False

    @abstractmethod
    def array(self, shrink: int = 1) -> Pixels:
        """Decode it, upright: uint8, shape (H, W, 3), RGB; some are decoded at a `shrink`th of their size."""

    def image(self, shrink: int = 1) -> Image.Image:
        """As `array`, for Pillow."""
        return Image.fromarray(self.array(shrink))

    def scale(self, shrink: int) -> tuple[float, float]:
        """How wide and how high a pixel of `size` is in what `array` gives."""
        return 1 / shrink, 1 / shrink


class WholePicture(Picture):
    """One that had to be decoded to be known."""

    exact = True

    def __init__(self, image: Image.Image) -> None:
        self.whole, self.size = image, image.size

    def array(self, shrink: int = 1) -> Pixels:  # noqa: ARG002
        return np.array(self.whole)

    def image(self, shrink: int = 1) -> Image.Image:  # noqa: ARG002
        return self.whole

    def scale(self, shrink: int) -> tuple[float, float]:  # noqa: ARG002
        return 1.0, 1.0


class JpegPicture(Picture):
    def __init__(self, image: JpegImageFile, name: str) -> None:
        self.file, self.name, self.turn = image, name, turn_of(image)
        self.size = image.size[::-1] if is_sideways(self.turn) else image.size

    def array(self, shrink: int = 1) -> Pixels:
        found = self._decoded(shrink)
        return np.array(found) if isinstance(found, Image.Image) else found

    def image(self, shrink: int = 1) -> Image.Image:
        found = self._decoded(shrink)
        return found if isinstance(found, Image.Image) else Image.fromarray(found)

    def _decoded(self, shrink: int) -> Image.Image | Pixels:
        with faults(self.name):
            pixels_HW3 = decode_plain(self.file, shrink)
            if pixels_HW3 is not None and self.turn is None:
                return pixels_HW3
            if pixels_HW3 is None:
                draft(self.file, shrink)
            image = to_rgb(self.file) if pixels_HW3 is None else Image.fromarray(pixels_HW3)
            return image if self.turn is None else image.transpose(self.turn)


def shrunk_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """Width and height with the short side of so many pixels, or as they are where it is not longer."""
    scale = short_side / min(size)
    if scale >= 1:
        return size
    width, height = (max(short_side, round(side * scale)) for side in size)
    return width, height


@contextmanager
def faults(name: str) -> Iterator[None]:
    """Whatever opening and decoding raise, as one line that names the picture."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{name}: file not found") from None
    except Image.DecompressionBombError:
        raise DataError(f"{name}: must have at most {MAX_PIXELS:,} pixels; has more") from None
    except UnidentifiedImageError:
        raise DataError(f"{name}: must be a picture ({', '.join(FORMATS)}); it is something else") from None
    except Exception as error:  # each format's decoder has errors of its own
        raise DataError(f"{name}: picture cannot be decoded ({first_line(error)})") from None


def to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB, transparent parts on white."""
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bit(image).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (*BACKGROUND, 255)), layer).convert("RGB")
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits: 0..65535 becomes 0..255; what already fits 8 bits stays."""
    grey_HW = np.asarray(image).astype(np.float64)
    if image.mode != "F" and (image.mode.startswith("I;16") or grey_HW.max() > 255):
        grey_HW = grey_HW / 257
    return Image.fromarray(np.clip(np.rint(grey_HW), 0, 255).astype(np.uint8))
