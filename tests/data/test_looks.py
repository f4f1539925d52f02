from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from emotionnet.data.looks import HASH_BYTES, look, look_and_quality, near_pairs
from emotionnet.records import DataError


def all_pairs(looks_N32: npt.NDArray[np.uint8], bits: int, places: list[int]) -> list[tuple[int, int]]:
    """Every pair, bit by bit."""
    rows = [int.from_bytes(row.tobytes()) for row in looks_N32]
    return [
        (i, j)
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if (rows[i] ^ rows[j]).bit_count() <= bits and places[i] != places[j]
    ]


@pytest.mark.parametrize("bits", [0, 1, 7, 20, 40])
def test_pairs_are_those_that_all_with_all_finds(bits: int) -> None:
    rng = np.random.default_rng(bits)
    looks_N32 = rng.integers(0, 256, (40, HASH_BYTES), dtype=np.uint8)
    copies = np.repeat(looks_N32[:20], 6, axis=0)
    for row in copies:  # up to 45 bits away
        for bit in rng.permutation(256)[: rng.integers(0, 46)]:
            row[bit // 8] ^= 1 << bit % 8
    looks_N32 = np.concatenate([looks_N32, copies])
    places = rng.integers(0, 3, len(looks_N32))
    expected = all_pairs(looks_N32, bits, places.tolist())
    assert near_pairs(looks_N32, bits, places) == expected
    assert bits < 7 or expected


def test_many_alike_are_found_in_blocks() -> None:
    looks_N32 = np.zeros((1200, HASH_BYTES), dtype=np.uint8)
    places = np.zeros(1200, dtype=np.int64)
    places[700] = 1
    assert near_pairs(looks_N32, 0, places) == sorted(
        (min(i, 700), max(i, 700)) for i in range(1200) if i != 700
    )


def test_no_pictures_make_no_pairs() -> None:
    assert near_pairs(np.zeros((0, HASH_BYTES), dtype=np.uint8), 20, np.zeros(0, dtype=np.int64)) == []


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
