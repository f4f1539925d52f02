from __future__ import annotations

import hashlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.pictures import TYPES, picture_of
from emotionnet.data.looks import look
from emotionnet.data.picture import FORMATS


def _picture(width: int = 64, height: int = 48, form: str = "JPEG", seed: int = 0) -> bytes:
    coarse_HW3 = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse_HW3).resize((width, height), Image.Resampling.BICUBIC).save(buffer, form)
    return buffer.getvalue()


def test_every_format_has_a_type() -> None:
    assert set(TYPES) == {*FORMATS, "MPO"}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_a_picture_is_kept_as_it_came_and_known_by_its_content(form: str) -> None:
    content = _picture(form=form)
    kept = picture_of(content, max_pixels=10_000, shrink=False)
    name = hashlib.sha256(content).hexdigest()
    suffix, kind = TYPES[form]
    assert kept.content == content
    assert (kept.sha256.hex(), kept.path) == (name, f"images/{name[:2]}/{name}.{suffix}")
    assert (kept.width, kept.height, kept.type) == (64, 48, kind)
    assert kept.look == look(content)


def test_a_turned_picture_is_measured_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.open(io.BytesIO(_picture())).save(buffer, "JPEG", exif=exif)
    kept = picture_of(buffer.getvalue(), max_pixels=10_000, shrink=False)
    assert (kept.width, kept.height) == (48, 64)


def test_a_long_short_side_becomes_256_pixels() -> None:
    kept = picture_of(_picture(800, 600, "PNG"), max_pixels=10**6, shrink=True)
    assert (kept.width, kept.height, kept.type) == (341, 256, "image/jpeg")
    with Image.open(io.BytesIO(kept.content)) as image:
        assert (image.size, image.format) == ((341, 256), "JPEG")
        assert isinstance(image, JpegImageFile)
        assert image.quantization[0][0] == 2  # of quality 95
    assert kept.sha256 == hashlib.sha256(kept.content).digest()
    assert kept.look == look(kept.content)


def test_a_picture_that_is_small_enough_is_not_touched() -> None:
    content = _picture(256, 900, "PNG")
    assert picture_of(content, max_pixels=10**6, shrink=True).content == content


def test_a_plain_picture_has_no_look_that_tells_anything() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 90, 90)).save(buffer, "PNG")
    assert picture_of(buffer.getvalue(), max_pixels=10_000, shrink=False).look is None


def _bomb(side: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (b"", "empty body", ""),
        (b"<!doctype html><p>no", "not a picture", "begins with b'<!doctype html><'"),
        (b"%PDF-1.7", "not a picture", "begins with b'%PDF-1.7'"),
        (_picture()[:800], "broken picture", "picture cannot be decoded"),
        (_bomb(200), "too many pixels", "200 x 200"),
        (_bomb(60_000), "too many pixels", "more than any picture may have"),
    ],
)
def test_what_is_no_picture_to_be_kept(content: bytes, reason: str, detail: str) -> None:
    with pytest.raises(Lost) as caught:
        picture_of(content, max_pixels=10_000, shrink=False)
    lost = caught.value
    assert (lost.state, lost.reason, lost.passing) == ("failed", reason, False)
    assert lost.detail.startswith(detail)
