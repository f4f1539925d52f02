"""Decode pictures; the transform to evaluate with.

Pictures come from outside: the format is taken from the content and must be one of
`FORMATS`, and the size is checked before a pixel is decoded. Evaluation needs Pillow
and NumPy only, so that an exported model runs without torch.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from emotionnet.data.jpeg import largest_shrink
from emotionnet.data.picture import FORMATS, MAX_PIXELS, JpegPicture, Picture, WholePicture, faults, to_rgb
from emotionnet.data.shards.member import ShardMember
from emotionnet.records import DataError

MAX_SIDE = 2**13  # of a network's input

# Pillow's remarks on odd files; faults are errors. Once and for all, since a filter for the time of a call is
# not safe in threads, and behind all other filters, which are the caller's.
warnings.filterwarnings("ignore", module=r"PIL\.", append=True)

ImageLike = Path | ShardMember | str | bytes | Image.Image | npt.NDArray[np.uint8]


_RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a network's input when it is evaluated.

    `image_size` is the side in pixels; `crop_pct` the centre crop's share of the
    resized short side; `mean` and `std` are for RGB in 0..1. `squash`: nothing is cropped,
    width and height become the side each for itself.
    """

    image_size: int
    crop_pct: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    squash: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.image_size <= MAX_SIDE:
            raise ValueError(f"image_size must be in 1..{MAX_SIDE}; got {self.image_size}")
        if not 0 < self.crop_pct <= 1 or not all(value > 0 for value in self.std):
            raise ValueError(f"std must be above 0 and crop_pct in 0..1; got {self}")

    @property
    def short_side(self) -> int:
        """Of the resized picture that the centre crop is taken from, pixels."""
        return max(self.image_size, round(self.image_size / self.crop_pct))


def describe(source: ImageLike) -> str:
    """What an error or a table calls a picture: where it lies, or what kind of object it is."""
    return str(source) if isinstance(source, (str, Path, ShardMember)) else f"<{type(source).__name__}>"


@contextmanager
def opened(source: ImageLike | Picture) -> Iterator[Picture]:
    """Open a picture and check it; only where its format asks for it, it is decoded too.

    Args:
        source: A file, a member of a shard, its bytes, a Pillow image, or an array: uint8, (H, W),
            (H, W, 3) or (H, W, 4), RGB in 0..255; or a picture that is opened already.

    Raises:
        DataError: No file, no picture, truncated, or more than `MAX_PIXELS`; names it. Decoding may too.
    """
    if isinstance(source, Picture):
        yield source
        return
    name = describe(source)
    with ExitStack() as stack:
        with faults(name):
            image = stack.enter_context(_open(source))
            _require_size(image, name)
            if isinstance(image, JpegImageFile) and image is not source:
                picture: Picture = JpegPicture(image, name)
            else:
                picture = WholePicture(to_rgb(_upright(image, ours=image is not source)))
        yield picture


def decode(source: ImageLike) -> Image.Image:
    """Decode a picture, whole, to 8-bit RGB, upright, transparent parts on white.

    Raises:
        DataError: As `opened`.
    """
    with opened(source) as picture:
        return picture.image()


def evaluation_input(source: ImageLike | Picture, how: Preprocessing) -> npt.NDArray[np.float32]:
    """Open a picture, decode no more of it than the network sees, and transform it.

    Returns:
        As `evaluation_array`: the same numbers where the picture is decoded whole.

    Raises:
        DataError: As `opened`.
    """
    with opened(source) as picture:
        shrink = largest_shrink(min(picture.size), how.short_side)
        image, scale = picture.image(shrink), picture.scale(shrink)
        return evaluation_array(image, how, size=picture.size, scale=scale)


def evaluation_array(
    image: Image.Image,
    how: Preprocessing,
    *,
    size: tuple[int, int] | None = None,
    scale: tuple[float, float] = (1.0, 1.0),
) -> npt.NDArray[np.float32]:
    """Resize, centre crop and normalise: torchvision's Resize and CenterCrop in one step.

    Only the crop is resampled, so that a picture of 1 x 100,000 pixels needs no more
    memory than any other.

    Args:
        image: RGB, upright.
        how: The transform.
        size: Width and height of the whole picture where `image` is a reduced one.
        scale: How wide and how high a pixel of `size` is in `image`.

    Returns:
        Float32, shape (3, image_size, image_size), normalised by mean and std.
    """
    side = how.image_size
    left, top, right, bottom = crop_box(size or image.size, how, scale)
    box = (left, top, min(image.width, right), min(image.height, bottom))
    pixels_HW3 = np.asarray(image.resize((side, side), _RESAMPLING[how.interpolation], box=box))
    result_3HW = np.empty((3, side, side), dtype=np.float32)
    for channel, levels in enumerate(_levels(how)):
        levels.take(pixels_HW3[..., channel], out=result_3HW[channel], mode="clip")
    return result_3HW


def crop_box(
    size: tuple[int, int], how: Preprocessing, scale: tuple[float, float] = (1.0, 1.0)
) -> tuple[float, float, float, float]:
    """What a network sees of a picture.

    Args:
        size: Width and height of the whole picture.
        how: The transform.
        scale: How wide and how high a pixel of `size` is where the box is wanted.

    Returns:
        Left, top, right, bottom; rounding may put right and bottom a little outside.
    """
    if how.squash:
        return 0.0, 0.0, size[0] * scale[0], size[1] * scale[1]
    side, short_side = how.image_size, how.short_side
    factor = short_side / min(size)
    width, height = max(short_side, int(size[0] * factor)), max(short_side, int(size[1] * factor))
    left, top = round((width - side) / 2), round((height - side) / 2)
    step_x, step_y = size[0] / width * scale[0], size[1] / height * scale[1]
    return left * step_x, top * step_y, (left + side) * step_x, (top + side) * step_y


@lru_cache(maxsize=8)
def _levels(how: Preprocessing) -> npt.NDArray[np.float32]:
    """What each of the 256 levels of each channel becomes; float32, shape (3, 256)."""
    scaled_L1 = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
    mean, std = np.array(how.mean, dtype=np.float32), np.array(how.std, dtype=np.float32)
    return np.ascontiguousarray(((scaled_L1 - mean) / std).T)


def _require_size(image: Image.Image, name: str) -> None:
    if not image.width or not image.height:
        raise DataError(f"{name}: must have at least one pixel; it has none")
    if image.width * image.height > MAX_PIXELS:
        found = f"{image.width} x {image.height}"
        raise DataError(f"{name}: must have at most {MAX_PIXELS:,} pixels; has {found}")


def _upright(image: Image.Image, *, ours: bool) -> Image.Image:
    if not ours:
        return ImageOps.exif_transpose(image)
    ImageOps.exif_transpose(image, in_place=True)  # without a copy of the whole picture
    return image


def _open(source: ImageLike) -> AbstractContextManager[Image.Image]:
    if isinstance(source, Image.Image):
        return nullcontext(source)  # the caller's: not ours to close
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim not in (2, 3) or source.shape[2:] not in ((), (3,), (4,)):
            found = f"{source.dtype} of shape {source.shape}"
            raise DataError(f"an array must be uint8 of shape (H, W), (H, W, 3) or (H, W, 4); got {found}")
        if source.size == 0:
            raise DataError(f"an array must hold at least one pixel; got shape {source.shape}")
        return Image.fromarray(source)
    if isinstance(source, ShardMember):
        source = source.read()
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source), formats=FORMATS)
    if isinstance(source, (str, Path)):
        return Image.open(source, formats=FORMATS)
    raise DataError(
        f"a picture must be a path, bytes, a Pillow image or an array; got {type(source).__name__}"
    )
