"""Decode pictures; the transform to evaluate with.

Pictures come from outside: the format is taken from the content and must be one of
`FORMATS`, and the size is checked before a pixel is decoded. Evaluation needs Pillow
and NumPy only, so that an exported model runs without torch.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from emotionnet.records import DataError, first_line

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".avif")
MAX_PIXELS = 100_000_000
MAX_SIDE = 2**13  # of a network's input
BACKGROUND = (255, 255, 255)

# Pillow's remarks on odd files; faults are errors. Once and for all, since a filter for the time of a call is
# not safe in threads, and behind all other filters, which are the caller's.
warnings.filterwarnings("ignore", module=r"PIL\.", append=True)

ImageLike = Path | str | bytes | Image.Image | npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a network's input when it is evaluated.

    `image_size` is the side in pixels; `crop_pct` the centre crop's share of the
    resized short side; `mean` and `std` are for RGB in 0..1.
    """

    image_size: int
    crop_pct: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not 1 <= self.image_size <= MAX_SIDE:
            raise ValueError(f"image_size must be in 1..{MAX_SIDE}; got {self.image_size}")
        if not 0 < self.crop_pct <= 1 or not all(value > 0 for value in self.std):
            raise ValueError(f"std must be above 0 and crop_pct in 0..1; got {self}")


def describe(source: ImageLike) -> str:
    """What an error or a table calls a picture: its path, or what kind of object it is."""
    return str(source) if isinstance(source, (str, Path)) else f"<{type(source).__name__}>"


def decode(source: ImageLike) -> Image.Image:
    """Decode a picture to 8-bit RGB, upright, transparent parts on white.

    Args:
        source: A file, its bytes, a Pillow image, or an array: uint8, (H, W),
            (H, W, 3) or (H, W, 4), RGB in 0..255.

    Raises:
        DataError: No file, no picture, truncated, or more than `MAX_PIXELS`; names it.
    """
    name = describe(source)
    try:
        with _open(source) as image:
            if not image.width or not image.height:
                raise DataError(f"{name}: must have at least one pixel; it has none")
            if image.width * image.height > MAX_PIXELS:
                found = f"{image.width} x {image.height}"
                raise DataError(f"{name}: must have at most {MAX_PIXELS:,} pixels; has {found}")
            return _to_rgb(ImageOps.exif_transpose(image))
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


def evaluation_array(image: Image.Image, how: Preprocessing) -> npt.NDArray[np.float32]:
    """Resize, centre crop and normalise: torchvision's Resize and CenterCrop in one step.

    Only the crop is resampled, so that a picture of 1 x 100,000 pixels needs no more
    memory than any other.

    Returns:
        Float32, shape (3, image_size, image_size), normalised by mean and std.
    """
    size = how.image_size
    short_side = max(size, round(size / how.crop_pct))
    scale = short_side / min(image.size)
    width, height = max(short_side, int(image.width * scale)), max(short_side, int(image.height * scale))
    left, top = round((width - size) / 2), round((height - size) / 2)
    step_x, step_y = image.width / width, image.height / height
    box = (left * step_x, top * step_y, (left + size) * step_x, (top + size) * step_y)
    cropped = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
    scaled_HW3 = np.asarray(cropped, dtype=np.float32) / np.float32(255)
    mean, std = np.array(how.mean, dtype=np.float32), np.array(how.std, dtype=np.float32)
    normalised_HW3 = (scaled_HW3 - mean) / std
    return np.ascontiguousarray(normalised_HW3.transpose(2, 0, 1), dtype=np.float32)


def find_images(names: Sequence[str | Path]) -> tuple[list[Path], list[str]]:
    """Pictures named by files, folders (searched to any depth, through links) and glob patterns, in order.

    Returns:
        The pictures, and one line for each name that stands for none.
    """
    found: list[Path] = []
    faults: list[str] = []
    for name in names:
        try:
            some = _named(str(name))
        except (OSError, ValueError, RuntimeError, NotImplementedError) as error:
            faults.append(f"{str(name)[:200]}: must name a picture, a folder or a pattern; {error}"[:400])
            continue
        if not some:
            faults.append(f"{name}: must name a picture, a folder with pictures or a pattern; nothing found")
        found += some
    return found, faults


def _named(name: str) -> list[Path]:
    path = Path(name).expanduser()
    if not name:
        return []
    if path.is_dir():
        return sorted(p for p in _files_below(path) if p.suffix.lower() in SUFFIXES and p.is_file())
    if path.is_file():
        return [path]
    if not any(character in name for character in "*?["):
        return []
    base = Path(path.anchor) if path.is_absolute() else Path()
    return sorted(p for p in base.glob(str(path.relative_to(base))) if p.is_file())


def _files_below(top: Path) -> Iterator[Path]:
    """Whatever lies in a folder and in those that it links to.

    Each folder is entered once, by its own name where it has one here, so that links in a circle end.
    """
    entered: set[str] = set()
    waiting = [str(top)]
    while waiting:
        links: list[str] = []
        for start in waiting:
            for folder, subfolders, names in os.walk(start):
                subfolders.sort()
                if (real := os.path.realpath(folder)) in entered:
                    subfolders.clear()
                    continue
                entered.add(real)
                links += [str(path) for name in subfolders if (path := Path(folder, name)).is_symlink()]
                yield from (Path(folder, name) for name in names)
        waiting = links


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
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source), formats=FORMATS)
    if isinstance(source, (str, Path)):
        return Image.open(source, formats=FORMATS)
    raise DataError(
        f"a picture must be a path, bytes, a Pillow image or an array; got {type(source).__name__}"
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _sixteen_bit(image).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (*BACKGROUND, 255)), layer).convert("RGB")
    return image.convert("RGB")


def _sixteen_bit(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits: 0..65535 becomes 0..255; what already fits 8 bits stays."""
    grey_HW = np.asarray(image).astype(np.float64)
    if image.mode != "F" and (image.mode.startswith("I;16") or grey_HW.max() > 255):
        grey_HW = grey_HW / 257
    return Image.fromarray(np.clip(np.rint(grey_HW), 0, 255).astype(np.uint8))
