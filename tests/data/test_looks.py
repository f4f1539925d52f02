from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotionnet.data.looks import look, look_and_quality
from emotionnet.records import DataError


def test_a_plain_picture_tells_nothing_and_a_busy_one_much() -> None:
    plain = np.full((64, 64, 3), 200, dtype=np.uint8)
    busy = np.kron(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8), np.ones((8, 8, 1)))
    assert look_and_quality(plain)[1] < 50
    assert look_and_quality(busy.astype(np.uint8))[1] == 100


def test_a_smaller_copy_looks_the_same(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    large = Image.fromarray(pixels).resize((200, 200), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.png")
    large.resize((90, 90)).save(tmp_path / "small.jpg")
    large.rotate(90).save(tmp_path / "turned.png")
    one, same, other = (
        int.from_bytes(look(tmp_path / name)) for name in ("large.png", "small.jpg", "turned.png")
    )
    assert (one ^ same).bit_count() <= 31
    assert (one ^ other).bit_count() > 80


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"x\.png: must be a picture"):
        look_and_quality(tmp_path / "x.png")
