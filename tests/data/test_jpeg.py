"""JPEG files at a part of their size, by either decoder."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from emotionnet.data import jpeg
from emotionnet.data.images import decode, opened
from emotionnet.data.picture import Pixels
from emotionnet.records import DataError

SHRINKS = (1, 2, 4, 8)


@pytest.fixture(params=["simplejpeg", "Pillow"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The decoder that the test runs with."""
    if request.param == "Pillow":
        monkeypatch.setattr(jpeg, "simplejpeg", None)
    else:
        pytest.importorskip("simplejpeg")
    return str(request.param)


def smooth(width: int, height: int, seed: int = 0) -> Image.Image:
    coarse_HW3 = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse_HW3).resize((width, height), Image.Resampling.BICUBIC)


def content(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def array(source: bytes, shrink: int = 1) -> Pixels:
    with opened(source) as picture:
        return picture.array(shrink)


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("RGB", {"subsampling": 0}),
    ("RGB", {"subsampling": 1}),
    ("RGB", {"subsampling": 2}),
    ("RGB", {"progressive": True}),
    ("RGB", {"keep_rgb": True}),
    ("L", {}),
]


@pytest.mark.parametrize("size", [(16, 16), (61, 47), (203, 130)])
@pytest.mark.parametrize(("mode", "options"), KINDS)
def test_both_decoders_give_the_same_pixels(
    mode: str, options: dict[str, Any], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("simplejpeg")
    source = content(smooth(*size).convert(mode), **options)
    for shrink in SHRINKS:
        if shrink > jpeg.largest_shrink(min(size), 1):
            continue
        with Image.open(io.BytesIO(source)) as image:
            assert jpeg.decode_plain(image, shrink) is not None  # type: ignore[arg-type]
        fast_HW3 = array(source, shrink)
        with monkeypatch.context() as patch:
            patch.setattr(jpeg, "simplejpeg", None)
            np.testing.assert_array_equal(fast_HW3, array(source, shrink))
        assert fast_HW3.shape == (-(-size[1] // shrink), -(-size[0] // shrink), 3)


def test_whole_it_is_what_pillow_decodes(decoder: str) -> None:
    source = content(smooth(61, 47))
    expected = Image.open(io.BytesIO(source)).convert("RGB")
    np.testing.assert_array_equal(array(source), np.asarray(expected))
    np.testing.assert_array_equal(np.asarray(decode(source)), np.asarray(expected))


def test_an_eighth_holds_the_mean_of_each_block(decoder: str) -> None:
    levels_HW = np.array([[0, 90, 255, 33], [200, 17, 128, 64]], dtype=np.uint8)
    source = content(Image.fromarray(levels_HW.repeat(8, axis=0).repeat(8, axis=1)), quality=100)
    found_HW3 = array(source, 8)
    assert found_HW3.shape == (2, 4, 3)
    assert np.abs(found_HW3.astype(int) - levels_HW[..., None]).max() <= 1


@pytest.mark.parametrize(
    ("have", "need", "shrink"),
    [
        (1792, 224, 8),
        (1791, 224, 4),
        (896, 224, 4),
        (448, 224, 2),
        (447, 224, 1),
        (100, 224, 1),
        (15, 1, 1),
        (64, 1, 8),
    ],
)
def test_no_more_is_left_out_than_is_not_needed(have: int, need: int, shrink: int) -> None:
    assert jpeg.largest_shrink(have, need) == shrink


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_stands_upright(decoder: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = content(smooth(64, 40), exif=exif)
    for shrink in (1, 2):
        reference = Image.open(io.BytesIO(source))
        reference.draft(None, (64 // shrink, 40 // shrink))
        expected = ImageOps.exif_transpose(reference)
        with opened(source) as picture:
            assert (picture.size[0] > picture.size[1]) == (orientation < 5)
            np.testing.assert_array_equal(picture.array(shrink), np.asarray(expected))
        with opened(source) as picture:
            np.testing.assert_array_equal(np.asarray(picture.image(shrink)), np.asarray(expected))


def test_a_file_that_is_cut_off_is_a_fault(decoder: str) -> None:
    source = content(smooth(120, 90))
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(DataError, match=r"^<bytes>: picture cannot be decoded \(.*truncated"):
            array(source[: int(share * len(source))], 1)
        with pytest.raises(DataError, match="truncated"):
            array(source[: int(share * len(source))], 2)


def damaged() -> Iterator[bytes]:
    whole, rng = content(smooth(48, 40)), random.Random(0)
    for number in range(200):
        found = bytearray(whole)
        for _ in range(1 + number % 3):
            found[rng.randrange(len(found))] = rng.randrange(256)
        yield bytes(found[: rng.randrange(len(found)) if number % 4 == 0 else None])
    yield from (whole + b"more", whole[:-2])


@pytest.mark.filterwarnings("ignore")
def test_what_pillow_says_of_a_damaged_file_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("simplejpeg")

    def told(source: bytes) -> str:
        try:
            return array(source, 2).tobytes().hex()
        except DataError as error:
            return str(error)

    fast = [told(source) for source in damaged()]
    monkeypatch.setattr(jpeg, "simplejpeg", None)
    assert fast == [told(source) for source in damaged()]
    assert 20 < sum("cannot be" in one or "must" in one for one in fast) < len(fast)


@pytest.mark.parametrize("mode", ["CMYK", "RGB"])
def test_what_is_odd_or_long_goes_to_pillow(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg, "MAX_BYTES", 100)
    source = content(smooth(40, 30).convert(mode))
    with Image.open(io.BytesIO(source)) as image:
        assert jpeg.decode_plain(image, 1) is None  # type: ignore[arg-type]
    np.testing.assert_array_equal(array(source), np.asarray(Image.open(io.BytesIO(source)).convert("RGB")))


def test_the_size_is_checked_before_a_pixel_is_decoded(decoder: str) -> None:
    source = bytearray(content(smooth(40, 30)))
    head = source.index(b"\xff\xc0") + 5
    source[head : head + 4] = (20_000).to_bytes(2, "big") + (30_000).to_bytes(2, "big")
    with pytest.raises(DataError, match="must have at most 100,000,000 pixels"):
        array(bytes(source), 8)


def test_a_callers_image_is_left_as_it_was() -> None:
    with Image.open(io.BytesIO(content(smooth(64, 64)))) as image, opened(image) as picture:
        assert picture.array(4).shape == (64, 64, 3)
        assert image.size == (64, 64)
