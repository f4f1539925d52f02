from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotionnet.curation import funnel
from emotionnet.curation.funnel import Step, write_funnel
from emotionnet.records import DataError

STEPS = [
    Step("read", 1_234_000),
    Step("costs $5 or $6", 617_000),
    Step("with faces", 617_100),
    Step("none", 0),
]
BAR, REST = (0x44, 0x70, 0x8F), (0xEC, 0xE8, 0xE1)


def pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    return np.array(Image.open(path).convert("RGB"))


def test_bars_are_as_long_as_the_shares(tmp_path: Path) -> None:
    write_funnel(tmp_path / "funnel.png", STEPS)
    picture_HW3 = pixels(tmp_path / "funnel.png")
    rows = len(STEPS) + 1  # and the heading
    for number, share in enumerate((1.0, 0.5, 0.5, 0.0), start=1):
        line_W3 = picture_HW3[int((number + 0.5) * picture_HW3.shape[0] / rows)]
        kept = int((line_W3 == BAR).all(axis=1).sum())
        whole = kept + int((line_W3 == REST).all(axis=1).sum())
        assert whole > 300
        assert kept / whole == pytest.approx(share, abs=0.01)


def test_numbers_have_separators_shares_and_signs() -> None:
    told = [funnel._told(STEPS, row)[1:] for row in range(4)]
    assert told == [
        ("1,234,000", "100.0%", ""),
        ("617,000", "50.0%", "\N{MINUS SIGN}617,000"),
        ("617,100", "50.0%", "+100"),
        ("0", "0.0%", "\N{MINUS SIGN}617,100"),
    ]
    assert funnel._told([Step("read", 0), Step("kept", 0)], 1)[1:] == ("0", "\N{EN DASH}", "0")


def test_equal_steps_are_equal_bytes_and_longer_funnels_higher_pictures(tmp_path: Path) -> None:
    for name, steps in (("a", STEPS), ("b", STEPS), ("long", STEPS * 3)):
        write_funnel(tmp_path / f"{name}.png", steps)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert pixels(tmp_path / "long.png").shape[1] == pixels(tmp_path / "a.png").shape[1]
    assert pixels(tmp_path / "long.png").shape[0] == 13 / 5 * pixels(tmp_path / "a.png").shape[0]
    assert b"Software" not in (tmp_path / "a.png").read_bytes()


@pytest.mark.parametrize("steps", [[], [Step("read", -1)]])
def test_no_steps_or_less_than_nothing_is_a_fault(tmp_path: Path, steps: list[Step]) -> None:
    with pytest.raises(DataError, match="a funnel needs steps that keep 0 records or more; got "):
        write_funnel(tmp_path / "funnel.png", steps)
    assert not list(tmp_path.iterdir())
