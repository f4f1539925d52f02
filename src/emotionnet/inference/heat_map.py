"""Heat drawn over the picture that it belongs to. Shape letters: H, W = height and width in pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps, get_data_path
from PIL import Image, ImageDraw, ImageFont

from emotionnet.data.images import ImageLike, opened
from emotionnet.data.jpeg import largest_shrink
from emotionnet.inference.outputs import Array

Box = tuple[float, float, float, float]

LONGEST, SHORTEST = 1024, 256  # pixels of the long side as it is shown
COLOURS = "inferno"  # of even steps to the eye, also where colours are not told apart
_RANGE = (0.3, 0.85)  # of them: black would look like a shadow in the picture, and pale yellow like white
_STRENGTH = 0.75  # of the hottest colour over the picture
_OUTSIDE = 0.6  # how much white lies over what the network does not see


def shown(image: ImageLike) -> tuple[Image.Image, tuple[int, int]]:
    """A picture as it is shown, its long side from `SHORTEST` to `LONGEST` pixels, and its own size.

    Nothing but pixels comes along: no EXIF.

    Raises:
        DataError: As `images.opened`.
    """
    with opened(image) as picture:
        longest = max(picture.size)
        wanted = min(max(longest, SHORTEST), LONGEST)
        width, height = (max(1, round(side * wanted / longest)) for side in picture.size)
        whole = picture.image(largest_shrink(longest, wanted))
        return Image.fromarray(np.asarray(whole.resize((width, height)))), picture.size


def overlay(picture: Image.Image, heat_HW: Array, box: Box) -> Image.Image:
    """Lay heat over a picture, which turns grey beneath it; what lies outside of the box is pale.

    Args:
        picture: RGB.
        heat_HW: From 0 to 1.
        box: Left, top, right, bottom: where the heat lies in the picture, in its pixels.
    """
    left, top, right, bottom = (round(edge) for edge in box)
    place = (max(0, left), max(0, top), min(picture.width, right), min(picture.height, bottom))
    grey = picture.convert("L").convert("RGB")
    pale = Image.blend(grey, Image.new("RGB", grey.size, "white"), _OUTSIDE)
    inside_HW3 = np.asarray(grey.crop(place), dtype=np.float32)
    size = (place[2] - place[0], place[3] - place[1])
    if min(size) < 1:
        return pale
    heat_HW = np.asarray(Image.fromarray(heat_HW).resize(size, Image.Resampling.BILINEAR)).clip(0, 1)
    colours_HW3 = _colours()[(heat_HW * 255).round().astype(np.uint8)]
    alpha_HW1 = _STRENGTH * heat_HW[..., None]
    mixed_HW3 = inside_HW3 * (1 - alpha_HW1) + colours_HW3 * alpha_HW1
    pale.paste(Image.fromarray(mixed_HW3.round().astype(np.uint8)), place[:2])
    return pale


def captioned(picture: Image.Image, name: str, said: str, doubt: str = "") -> Image.Image:
    """A picture with lines of text below it, and the scale of its colours.

    Args:
        picture: RGB.
        name: Any text; as much of it as there is room for.
        said: What is said of it, behind it.
        doubt: A line of its own, if any.
    """
    size = max(12, min(picture.width // 20, max(picture.size) // 32))
    line = 2 * size
    lines = 3 if doubt else 2
    sheet = Image.new("RGB", (max(picture.width, SHORTEST), picture.height + lines * line), "white")
    sheet.paste(picture, ((sheet.width - picture.width) // 2, 0))
    draw, font = ImageDraw.Draw(sheet), _font(size)
    text = _fitting(name, said, lambda text: draw.textlength(text, font=font) <= sheet.width - size)
    for place, told in enumerate((text, doubt)):
        draw.text((size // 2, picture.height + place * line + size), told, "black", font, anchor="lm")
    _draw_scale(sheet, picture.height + (lines - 1) * line, size)
    return sheet


def _fitting(name: str, said: str, fits: Callable[[str], bool]) -> str:
    """Both in one line, of a long name its beginning."""
    name = " ".join("".join(one if one.isprintable() else " " for one in name[:200]).split())
    lengths = range(len(name), 0, -1)
    shortened = (f"{name[:length].rstrip()}…{said}" for length in lengths)
    return next(filter(fits, (name + said, *shortened)), said)


def _font(size: int) -> ImageFont.FreeTypeFont:
    """One that knows most alphabets, which Pillow's own does not; it comes with matplotlib."""
    return ImageFont.truetype(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf", size)


def _draw_scale(sheet: Image.Image, top: int, size: int) -> None:
    draw, font = ImageDraw.Draw(sheet), _font(size)
    middle, width = top + size, 8 * size
    draw.text((size // 2, middle), "less", fill="black", font=font, anchor="lm")
    start = size + round(draw.textlength("less", font=font))
    heat_HW = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (size, width))
    grey = Image.new("RGB", (width, size), (160, 160, 160))
    sheet.paste(overlay(grey, heat_HW, (0, 0, width, size)), (start, middle - size // 2))
    draw.text((start + width + size // 2, middle), "more", fill="black", font=font, anchor="lm")


@cache
def _colours() -> npt.NDArray[np.float32]:
    """256 colours, RGB in 0..255; float32, shape (256, 3)."""
    steps = np.linspace(*_RANGE, 256)
    return np.asarray(colormaps[COLOURS](steps)[:, :3] * 255, dtype=np.float32)
