"""Photographs, drawings and pasted pictures: which, from where, and always the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from emotionnet.curation.sources import Source
from emotionnet.data.store import REJECTS_SCHEMA
from emotionnet.evaluation import foreign_pictures as room
from emotionnet.evaluation.foreign_pictures import crops, paste, read_drawings, read_photographs
from emotionnet.records import DataError


def test_photographs_lie_in_installed_packages() -> None:
    pytest.importorskip("skimage")
    found = read_photographs()
    assert len(found) == 13
    assert {one.mode for one in found.values()} == {"RGB"}
    assert found["astronaut.png"].size == (512, 512)
    assert found["china.jpg"].size == (640, 427)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"^photographs .* skimage, .*; pip install 'emotionnet\[demo\]'$"):
        read_photographs()


def test_crops_are_the_whole_its_corners_and_its_middle() -> None:
    ramp_HW3 = np.zeros((100, 200, 3), dtype=np.uint8)
    ramp_HW3[..., 0], ramp_HW3[..., 1] = np.arange(100)[:, None], np.arange(200)
    whole, *parts = crops(Image.fromarray(ramp_HW3))
    assert whole.size == (200, 100)
    assert {part.size for part in parts} == {(50, 50)}
    starts = [part.getpixel((0, 0)) for part in parts]
    assert starts == [(0, 0, 0), (0, 150, 0), (50, 0, 0), (50, 150, 0), (25, 75, 0)]


@pytest.fixture
def emoji(tmp_path: Path) -> Path:
    """A red picture whose left half is transparent."""
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 255))
    picture.paste((0, 0, 255, 0), (0, 0, 32, 64))
    picture.save(tmp_path / "emoji.png")
    return tmp_path / "emoji.png"


def test_photograph_shows_through_what_is_transparent(emoji: Path) -> None:
    for pasted in paste([emoji] * 20, {"green": Image.new("RGB", (300, 200), (0, 200, 0))}, seed=0):
        assert pasted.size == (256, 256)
        pixels_HW3 = np.asarray(pasted).astype(int)
        assert (pixels_HW3[..., 2] < 130).all()
        rows, columns = np.nonzero(pixels_HW3[..., 0] > 128)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert 0.3 * 256 - 2 <= height <= 0.8 * 256 + 1
        assert width == pytest.approx(height / 2, abs=2)
        assert (pixels_HW3[..., 1] == 200).mean() > 0.6


def test_pasting_is_drawn_by_its_seed(emoji: Path) -> None:
    grounds = {name: Image.new("RGB", (64, 64), name) for name in ("green", "white", "black", "grey")}
    first, same, other = (
        [one.tobytes() for one in paste([emoji] * 8, grounds, seed=seed)] for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other
    assert len(set(first)) == 8


def test_drawings_are_drawn_by_seed_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number:02}.png" for number in range(20)]
    for number, name in enumerate(names):
        Image.new("RGB", (1024, 512), (number, 0, 0)).save(tmp_path / name)
    (tmp_path / names[3]).write_bytes(b"no picture")
    source = Source(
        "openclipart", tmp_path, [pl.DataFrame({"image": names[::-1]})], pl.DataFrame(schema=REJECTS_SCHEMA)
    )
    monkeypatch.setattr(room, "is_installed", lambda: True)
    monkeypatch.setattr(room, "read_openclipart", lambda: source)
    found = read_drawings(seed=0)
    assert sorted(one.getpixel((0, 0))[0] for one in found) == [n for n in range(20) if n != 3]  # type: ignore[index]
    assert {one.size for one in found} == {(512, 256)}
    monkeypatch.setattr(room, "DRAWINGS", 5)
    few, same, other = ([one.getpixel((0, 0)) for one in read_drawings(seed=seed)] for seed in (0, 0, 1))
    assert few == same != other
    assert 4 <= len(few) <= 5


def test_no_drawings_without_openclipart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "is_installed", lambda: False)
    assert read_drawings(seed=0) == []
