"""Decoding pictures of every kind, and the transform to evaluate with."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from emotionnet.apps.bench.photographs import photographs
from emotionnet.data.images import Preprocessing, decode, evaluation_array, evaluation_input, opened
from emotionnet.data.picture import FORMATS, shrunk_size
from emotionnet.records import DataError

PLAIN = Preprocessing(image_size=32, crop_pct=0.875, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG that claims a size, without the pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels_HW3 = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels_HW3)


@pytest.mark.parametrize("size", [(57, 40), (40, 57), (300, 200), (33, 999), (32, 32), (20, 20)])
@pytest.mark.parametrize("crop_pct", [0.875, 1.0])
def test_evaluation_is_torchvisions_resize_and_centre_crop(size: tuple[int, int], crop_pct: float) -> None:
    how = Preprocessing(image_size=32, crop_pct=crop_pct, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    reference = transforms.Compose(
        [
            transforms.Resize(round(32 / crop_pct)),
            transforms.CenterCrop(32),
            transforms.ToTensor(),
            transforms.Normalize(how.mean, how.std),
        ]
    )
    image = noise(*size)
    difference_3HW = np.abs(evaluation_array(image, how) - reference(image).numpy())
    assert (difference_3HW * np.reshape(how.std, (3, 1, 1))).max() <= 1.01 / 255


def test_normalising_is_the_arithmetic_to_the_bit() -> None:
    how = Preprocessing(image_size=256, crop_pct=1.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    image = noise(256, 256)  # neither resized nor cropped
    mean, std = np.array(how.mean, dtype=np.float32), np.array(how.std, dtype=np.float32)
    expected_HW3 = (np.asarray(image, dtype=np.float32) / np.float32(255) - mean) / std
    np.testing.assert_array_equal(evaluation_array(image, how).transpose(1, 2, 0), expected_HW3)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_what_is_decoded_whole_gives_the_same_numbers(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    noise(70, 60).save(path)
    np.testing.assert_array_equal(evaluation_input(path, PLAIN), evaluation_array(decode(path), PLAIN))


@pytest.mark.parametrize("size", [(2000, 1500), (1031, 517)])
def test_what_is_decoded_in_part_is_within_2_of_255_on_average(tmp_path: Path, size: tuple[int, int]) -> None:
    how = Preprocessing(image_size=224, crop_pct=0.875, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    (path,) = photographs(tmp_path, 1, width=size[0], height=size[1])
    difference_3HW = evaluation_input(path, how) - evaluation_array(decode(path), how)
    assert 0 < np.abs(difference_3HW).mean() * 255 < 2


def test_a_reduced_picture_is_cropped_where_the_whole_one_is() -> None:
    """A gradient of 400 x 200 pixels, and the same at a half of its size."""
    whole_HW3 = np.repeat(np.tile(np.linspace(0, 255, 400), (200, 1))[..., None], 3, axis=2)
    half_HW3 = whole_HW3.reshape(100, 2, 200, 2, 3).mean(axis=(1, 3))
    whole, half = (Image.fromarray(np.rint(one).astype(np.uint8)) for one in (whole_HW3, half_HW3))
    found_3HW = evaluation_array(half, PLAIN, size=(400, 200), scale=(0.5, 0.5))
    np.testing.assert_allclose(found_3HW, evaluation_array(whole, PLAIN), atol=1.5 / 255)


def test_opening_a_photograph_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise(64, 40).save(tmp_path / "a.jpg")
    monkeypatch.setattr("emotionnet.data.picture.decode_plain", None)
    monkeypatch.setattr("emotionnet.data.picture.to_rgb", None)
    with opened(tmp_path / "a.jpg") as picture:
        assert (picture.size, picture.exact) == ((64, 40), False)


def test_faults_of_what_is_done_with_a_picture_are_not_the_pictures() -> None:
    with pytest.raises(ZeroDivisionError), opened(noise(4, 4)):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("size", "shrunk"),
    [
        ((2000, 1500), (341, 256)),
        ((300, 256), (300, 256)),
        ((5, 9000), (5, 9000)),
        ((512, 9000), (256, 4500)),
    ],
)
def test_a_longer_short_side_is_shrunk(size: tuple[int, int], shrunk: tuple[int, int]) -> None:
    assert shrunk_size(size, 256) == shrunk


def test_a_picture_of_one_pixel_fills_the_input() -> None:
    result_3HW = evaluation_array(Image.new("RGB", (1, 1), (255, 0, 51)), PLAIN)
    assert result_3HW.shape == (3, 32, 32)
    np.testing.assert_allclose(result_3HW.reshape(3, -1).mean(axis=1), [1.0, 0.0, 0.2], atol=1e-6)


def test_a_long_strip_needs_no_more_memory_than_its_crop() -> None:
    strip = Image.new("RGB", (1, 90_000), (10, 20, 30))
    assert evaluation_array(strip, PLAIN).shape == (3, 32, 32)


def test_transparent_parts_are_white() -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 255, 0))
    image.putpixel((1, 0), (0, 0, 255, 128))
    decoded = decode(image)
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((1, 0)) == (127, 127, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb_of_the_same_size(mode: str) -> None:
    assert (decode(noise(5, 4).convert(mode)).mode, decode(noise(5, 4).convert(mode)).size) == ("RGB", (5, 4))


def test_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    image = Image.new("P", (1, 1), 3)
    image.putpalette([0, 0, 0, 1, 1, 1, 2, 2, 2, 200, 0, 0])
    image.save(tmp_path / "p.png", transparency=3)
    assert decode(tmp_path / "p.png").getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    grey_HW = np.array([[0, 257 * 7, 65535]], dtype=np.uint16)
    Image.fromarray(grey_HW).save(tmp_path / "deep.png")
    decoded = decode(tmp_path / "deep.png")
    assert [decoded.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (7, 7, 7), (255, 255, 255)]


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (4, 2)).save(tmp_path / "turned.jpg", exif=exif)
    assert decode(tmp_path / "turned.jpg").size == (2, 4)


def test_path_bytes_image_and_array_give_the_same(tmp_path: Path) -> None:
    image = noise(6, 5)
    image.save(tmp_path / "a.png")
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), buffer.getvalue(), image, np.asarray(image)):
        np.testing.assert_array_equal(np.asarray(decode(source)), np.asarray(image))


def test_600_megapixels_are_refused_before_a_pixel_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(30_000, 20_000))
    with pytest.raises(DataError, match=r"bomb\.png: must have at most 100,000,000 pixels"):
        decode(tmp_path / "bomb.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_just_over_the_limit_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png_header(10_001, 10_000))
    with pytest.raises(
        DataError, match=r"large\.png: must have at most 100,000,000 pixels; has 10001 x 10000"
    ):
        decode(tmp_path / "large.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tif"])
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    noise(64, 64).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=rf"cut\.{suffix}"):
        decode(path)


def damaged(form: str) -> list[bytes]:
    """Pictures of one format with some bytes of the head changed, and cut off."""
    buffer = io.BytesIO()
    noise(24, 24).save(buffer, format=form)
    whole, rng, found = buffer.getvalue(), random.Random(0), []
    for number in range(300):
        content = bytearray(whole)
        for _ in range(1 + number % 4):
            content[rng.randrange(min(len(content), 400))] = rng.choice(
                (0, 127, 128, 255, rng.randrange(256))
            )
        found.append(bytes(content[: rng.randrange(len(content)) if number % 5 == 0 else None]))
    return [*found, whole[:-20]]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", FORMATS)
def test_a_damaged_file_is_a_picture_or_a_fault_and_nothing_else(form: str) -> None:
    faults = []
    for content in damaged(form):
        try:
            assert decode(content).mode == "RGB"
        except DataError as error:
            faults.append(str(error))
    assert len(faults) > 3
    assert all(len(fault.splitlines()) == 1 for fault in faults)


@pytest.mark.parametrize("error", [RuntimeError("a\nb"), OverflowError(), KeyError("x"), AssertionError()])
def test_whatever_a_decoder_raises_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(_: Image.Image) -> Image.Image:
        raise error

    monkeypatch.setattr("emotionnet.data.images.to_rgb", fails)
    with pytest.raises(DataError, match=r"^<ndarray>: picture cannot be decoded \([^\n]+\)$"):
        decode(np.zeros((2, 2, 3), np.uint8))


def test_threads_leave_the_callers_warning_filters_as_they_were() -> None:
    buffer = io.BytesIO()
    noise(300, 300).save(buffer, format="JPEG")
    before = list(warnings.filters)
    for _ in range(10):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(decode, [buffer.getvalue()] * 20))
        assert list(warnings.filters) == before


def test_remarks_of_pillow_are_silent_and_others_are_not(tmp_path: Path) -> None:
    """In a process of its own, with Python's own filters."""
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "odd.png", transparency=b"\x00\xff")
    code = (
        "import sys, warnings; from emotionnet.data.images import decode; from PIL import Image;"
        "image = Image.open(sys.argv[1]); image.load(); image.info['transparency'] = b'\\0\\xff';"
        "image.convert('RGB'); decode(image); warnings.warn('the caller speaks')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "odd.png")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "the caller speaks" in said
    assert "PIL" not in said


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am a text", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n"]
)
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.png: (must be a picture|picture cannot be decoded)"):
        decode(tmp_path / "x.png")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.png: file not found"):
        decode(tmp_path / "none.png")
    with pytest.raises(DataError, match="picture cannot be decoded"):
        decode(tmp_path)


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((4, 4, 3)), "float64 of shape"),
        (np.zeros((4, 4, 2), np.uint8), r"uint8 of shape \(4, 4, 2\)"),
        (np.zeros(4, np.uint8), r"uint8 of shape \(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), "at least one pixel"),
    ],
)
def test_arrays_of_another_kind_are_refused(array: np.ndarray, found: str) -> None:
    with pytest.raises(DataError, match=found):
        decode(array)


def test_another_type_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="got int"):
        decode(3)  # type: ignore[arg-type]


def test_a_picture_without_a_pixel_is_refused() -> None:
    with pytest.raises(DataError, match="at least one pixel"):
        decode(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize(
    ("size", "crop", "std"), [(0, 0.9, 1.0), (9000, 0.9, 1.0), (8, 0.0, 1.0), (8, 1.1, 1.0), (8, 1.0, 0.0)]
)
def test_preprocessing_has_bounds(size: int, crop: float, std: float) -> None:
    with pytest.raises(ValueError, match=r"must be (above 0|in 1\.\.8192)"):
        Preprocessing(image_size=size, crop_pct=crop, mean=(0.0, 0.0, 0.0), std=(std, std, std))
