from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from emotionnet.data.looks import look
from emotionnet.search.copies import LOOK_BITS, Appearance, fold_copies


def drawing(*, mouth: str = "up", colour: tuple[int, int, int] = (250, 200, 40)) -> Image.Image:
    """A face, whose looks hardly tell its mouth and never its colour."""
    image = Image.new("RGB", (256, 256), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 20, 236, 236), fill=colour, outline="black", width=4)
    for x in (90, 166):
        draw.ellipse((x - 12, 90, x + 12, 114), fill="black")
    draw.arc((104, 160, 152, 184), *((0, 180) if mouth == "up" else (180, 360)), fill="black", width=6)
    return image


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return content.getvalue()


Pictures = dict[str, Image.Image]
GREEN = (150, 225, 180)  # as bright as the yellow


def folded(pictures: Pictures, count: int = 10) -> dict[str, list[str]]:
    ranked = [Appearance(name, f"sha of {name}", look(image)) for name, image in pictures.items()]
    found = fold_copies(ranked, count, lambda name: jpeg(pictures[name]))
    return {best.id: [copy.id for copy in copies] for best, copies in found}


def bits(one: Image.Image, other: Image.Image) -> int:
    rows = np.frombuffer(look(one) + look(other), dtype=np.uint8).reshape(2, -1)
    return int(np.unpackbits(rows[0] ^ rows[1]).sum())


def test_smaller_and_poorer_copies_fold_into_the_best() -> None:
    whole = drawing()
    poor = Image.open(io.BytesIO(jpeg(whole, quality=20)))
    assert folded({"a": whole, "small": whole.resize((120, 120)), "poor": poor}) == {"a": ["small", "poor"]}


@pytest.mark.parametrize("other", [drawing(mouth="down"), drawing(colour=GREEN)])
def test_another_mouth_and_another_colour_are_no_copies(other: Image.Image) -> None:
    assert bits(drawing(), other) <= LOOK_BITS  # or the test would tell nothing
    assert folded({"a": drawing(), "b": other}) == {"a": [], "b": []}


def test_copies_of_the_last_that_is_wanted_are_found_behind_it() -> None:
    red, blue = drawing(colour=(220, 60, 60)), drawing(colour=(60, 60, 220))
    pictures = {"a": drawing(), "b": red, "c": blue, "b2": red.resize((200, 200))}
    assert folded(pictures, count=2) == {"a": [], "b": ["b2"]}


@pytest.fixture
def no_thumbnail() -> Callable[[str], bytes]:
    def refuse(name: str) -> bytes:
        pytest.fail(f"{name} is not looked at")

    return refuse


def test_equal_files_are_copies_without_a_look(no_thumbnail: Callable[[str], bytes]) -> None:
    ranked = [Appearance("a", "same", None), Appearance("b", "other", None), Appearance("c", "same", None)]
    found = fold_copies(ranked, 10, no_thumbnail)
    assert [(best.id, [copy.id for copy in copies]) for best, copies in found] == [("a", ["c"]), ("b", [])]


def test_without_a_thumbnail_nothing_is_a_copy() -> None:
    ranked = [Appearance(name, name, bytes(32)) for name in "ab"]
    assert [best.id for best, _ in fold_copies(ranked, 10, lambda _: b"")] == ["a", "b"]
