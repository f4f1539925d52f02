from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from emotionnet.data.images import Preprocessing, evaluation_input
from emotionnet.data.looks import look
from emotionnet.files import sha256
from emotionnet.records import DataError
from emotionnet.search import picture_facts
from emotionnet.search.picture_facts import date_taken, read_with_facts, thumbnail_of

HOW = Preprocessing(224, 1.0, (0.5,) * 3, (0.25,) * 3)
TAKEN = datetime(2021, 3, 4, 5, 6, 7)


def exif_of(when: Any = "2021:03:04 05:06:07", *, turn: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = when
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 30.0, 0.0)
    return exif


def scene(width: int, height: int) -> Image.Image:
    """A smooth picture with edges, the same at any size."""
    y_H1, x_1W = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None]
    red_HW = np.sin(9 * x_1W) * np.cos(5 * y_H1) * 127 + 128
    green_HW = ((x_1W * 3 + y_H1 * 2) % 1) * 255
    blue_HW = ((x_1W - 0.5) ** 2 + (y_H1 - 0.4) ** 2 < 0.08) * 255.0
    return Image.fromarray(np.stack(np.broadcast_arrays(red_HW, green_HW, blue_HW), 2).astype(np.uint8))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_facts_of_each_format(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    scene(400, 300).save(path, exif=exif_of(turn=6))
    found_3SS, facts = read_with_facts(path, HOW)
    np.testing.assert_array_equal(found_3SS, evaluation_input(path, HOW))
    assert (facts.sha256, facts.width, facts.height) == (sha256(path), 300, 400)
    assert facts.taken == TAKEN
    assert facts.look is not None
    with Image.open(io.BytesIO(facts.thumbnail)) as small:
        assert (small.format, small.mode, small.size) == ("JPEG", "RGB", (192, 256))
        assert not small.getexif()
        assert "exif" not in small.info


def test_a_large_jpeg_is_decoded_once_and_reduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.jpg"
    scene(2000, 1500).save(path, quality=95)
    sizes: list[tuple[int, int]] = []
    real = picture_facts._Decoded.image

    def counted(self: Any, shrink: int = 1) -> Image.Image:
        found = real(self, shrink)
        sizes.append(found.size)
        return found

    monkeypatch.setattr(picture_facts._Decoded, "image", counted)
    found_3SS, facts = read_with_facts(path, HOW)
    assert sizes == [(500, 375)]
    np.testing.assert_array_equal(found_3SS, evaluation_input(path, HOW))
    assert (facts.width, facts.height) == (2000, 1500)
    assert facts.look is not None
    differing = np.bitwise_count(np.frombuffer(facts.look, np.uint8) ^ np.frombuffer(look(path), np.uint8))
    assert differing.sum() <= 8
    with Image.open(io.BytesIO(facts.thumbnail)) as small:
        wanted = np.asarray(scene(2000, 1500).resize((256, 192), Image.Resampling.BOX), dtype=float)
        assert np.abs(np.asarray(small, dtype=float) - wanted).mean() < 4


def test_what_is_too_small_for_a_thumbnail_is_decoded_again(tmp_path: Path) -> None:
    path, how = tmp_path / "a.jpg", Preprocessing(8, 1.0, (0.5,) * 3, (0.25,) * 3)
    scene(640, 480).save(path)
    found_3SS, facts = read_with_facts(path, how)
    np.testing.assert_array_equal(found_3SS, evaluation_input(path, how))
    with Image.open(io.BytesIO(facts.thumbnail)) as small:
        assert small.size == (256, 192)


def test_a_plain_picture_has_no_look(tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.new("RGB", (64, 64), (3, 4, 5)).save(path)
    assert read_with_facts(path, HOW)[1].look is None


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    content = io.BytesIO()
    scene(64, 64).save(content, "JPEG")
    path.write_bytes(content.getvalue()[:400])
    with pytest.raises(DataError, match=f"{path}: picture cannot be decoded"):
        read_with_facts(path, HOW)
    with pytest.raises(DataError, match="file not found"):
        read_with_facts(tmp_path / "none.jpg", HOW)


@pytest.mark.parametrize(
    "when",
    ["", "2021:02:30 05:06:07", "0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", "2021:03:04"],
)
def test_odd_dates_are_none(tmp_path: Path, when: str) -> None:
    path = tmp_path / "a.jpg"
    scene(16, 16).save(path, exif=exif_of(when))
    assert date_taken(path) is None


def test_broken_exif_is_no_fault_of_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    scene(16, 16).save(path, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff" + b"\xff" * 40)
    assert date_taken(path) is None


def test_no_pixel_is_decoded_for_a_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene(16, 16).save(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    assert date_taken(tmp_path / "a.png") is None


@pytest.mark.parametrize(
    ("size", "wanted"), [((1, 5000), (1, 256)), ((256, 256), (256, 256)), ((3, 2), (3, 2))]
)
def test_sizes_of_thumbnails(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(thumbnail_of(Image.new("RGB", size)))) as small:
        assert small.size == wanted


def test_a_comment_does_not_go_along(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    scene(300, 300).save(path, comment=b"my house")
    with Image.open(path) as image:
        content = thumbnail_of(image.convert("RGB"))
    assert b"my house" not in content
