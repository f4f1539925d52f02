"""Pictures unlike those that a network was trained on, from packages that are installed; none is fetched."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from emotionnet.curation.openclipart import is_installed, read_openclipart
from emotionnet.data.images import decode
from emotionnet.data.picture import FORMATS
from emotionnet.data.picture_files import content_of
from emotionnet.data.shards.member import PictureFile
from emotionnet.progress import track
from emotionnet.records import DataError

# Photographs alone: no drawings, diagrams, pages of text, microscopy, medicine or astronomy.
PHOTOGRAPHS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("skimage", "data"): (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "clock_motion.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "motorcycle_left.png",
        "rocket.jpg",
    ),
    ("sklearn", "datasets/images"): ("china.jpg", "flower.jpg"),
}
DRAWINGS, DRAWING_SIDE = 300, 512
PASTED_SIDE = 256  # pixels
PASTED_SHARES = (0.3, 0.8)  # of the side, that what is pasted takes


def read_photographs() -> dict[str, Image.Image]:
    """The photographs that scikit-image and scikit-learn carry, RGB, by file name.

    Raises:
        DataError: scikit-image is not installed, or no longer carries one.
    """
    return {
        name: decode(_folder(package) / inside / name)
        for (package, inside), names in PHOTOGRAPHS.items()
        for name in names
    }


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise DataError(
            f"photographs are taken from the package {package}, which is not installed; "
            "pip install 'emotionnet[demo]'"
        )
    return Path(spec.origin).parent


def crops(photograph: Image.Image) -> list[Image.Image]:
    """The whole photograph, then squares of half its short side: its four corners and its middle."""
    width, height = photograph.size
    side = min(width, height) // 2
    right, bottom = width - side, height - side
    places = [(0, 0), (right, 0), (0, bottom), (right, bottom), (right // 2, bottom // 2)]
    return [photograph, *(photograph.crop((x, y, x + side, y + side)) for x, y in places)]


def read_drawings(*, seed: int) -> list[Image.Image]:
    """Some drawings of openclipart, drawn by a seed, RGB, at most `DRAWING_SIDE` pixels; none without it.

    Those that cannot be read, such as one of 169 million pixels, are left out.
    """
    if not is_installed():
        return []
    source = read_openclipart()
    every = source.records["image"].sort().to_list()
    drawn = np.random.default_rng(seed).permutation(len(every))[:DRAWINGS].tolist()
    found = []
    for number in track(drawn, "drawings of openclipart"):
        with suppress(DataError):
            drawing = decode(source.root / every[number])
            drawing.thumbnail((DRAWING_SIDE, DRAWING_SIDE))
            found.append(drawing)
    return found


def paste(
    pictures: Sequence[PictureFile], photographs: Mapping[str, Image.Image], *, seed: int
) -> list[Image.Image]:
    """Each picture on a square of a photograph: which photograph, where and how large are drawn by a seed.

    What is transparent in the picture shows the photograph.
    """
    rng = np.random.default_rng(seed)
    grounds = [photographs[name] for name in sorted(photographs)]
    return [_pasted(path, grounds[rng.integers(len(grounds))], rng) for path in pictures]


def _pasted(path: PictureFile, photograph: Image.Image, rng: np.random.Generator) -> Image.Image:
    short = min(photograph.size)
    left, top = (int(rng.integers(side - short + 1)) for side in photograph.size)
    square = photograph.crop((left, top, left + short, top + short)).resize((PASTED_SIDE, PASTED_SIDE))
    side = int(rng.uniform(*PASTED_SHARES) * PASTED_SIDE)
    with Image.open(io.BytesIO(content_of(path)), formats=FORMATS) as picture:
        layer = picture.convert("RGBA").resize((side, side))
    x, y = (int(place) for place in rng.integers(PASTED_SIDE - side + 1, size=2))
    square.paste(layer, (x, y), layer)
    return square
