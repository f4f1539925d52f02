"""What stands below a heat map: it fits, whatever it is about."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from emotionnet.inference.heat_map import captioned

SAID = ": probability 0.27"


def lines(sheet: Image.Image, top: int) -> list[bytes]:
    """Each line of the caption as pixels; those of a small picture are 24 pixels high."""
    pixels_HW3 = np.asarray(sheet)[top:]
    return [pixels_HW3[start : start + 24].tobytes() for start in range(0, len(pixels_HW3), 24)]


@pytest.mark.parametrize("name", ["disappointed", "the quick brown fox jumps over it", "W" * 5000])
@pytest.mark.parametrize("size", [(256, 171), (1, 1024), (1024, 1), (1024, 1024), (100, 1000)])
def test_nothing_is_cut_off(name: str, size: tuple[int, int]) -> None:
    sheet = captioned(Image.new("RGB", size, "white"), name, SAID, "unlike its training pictures")
    assert sheet.width == max(256, size[0])
    pixels_HW3 = np.asarray(sheet)
    assert (pixels_HW3[:, -3:] == 255).all()
    assert (pixels_HW3[-2:] == 255).all()
    assert not (pixels_HW3[size[1] :] == 255).all()


def test_a_long_name_is_shortened_and_a_doubt_has_its_own_line() -> None:
    picture = Image.new("RGB", (256, 100))
    plain = lines(captioned(picture, "joy", SAID), 100)
    doubted = lines(captioned(picture, "joy", SAID, "unlike its training pictures"), 100)
    assert (len(plain), len(doubted)) == (2, 3)
    assert [doubted[0], doubted[2]] == plain
    cut = lines(captioned(picture, "x" * 50, SAID), 100)
    assert cut[0] in {lines(captioned(picture, "x" * n + "\u2026", SAID), 100)[0] for n in range(5, 50)}
    assert lines(captioned(picture, " a\n\tb\0", SAID), 100) == lines(captioned(picture, "a b", SAID), 100)


def test_letters_of_other_alphabets_are_drawn() -> None:
    """A letter that a font lacks is a box, the same for all."""
    drawn = {lines(captioned(Image.new("RGB", (256, 1)), name, ""), 1)[0] for name in "\u0436\u03b4\u00fc"}
    assert len(drawn) == 3
