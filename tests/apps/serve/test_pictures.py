"""Pictures that are looked at before they are decoded."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image

from emotionnet.apps.serve.errors import RefusedError
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.pictures import SMALL, Pixels, look, reencoded
from tests.apps.serve.conftest import picture

LIMITS = Limits()


def refused(content: bytes, limits: Limits = LIMITS) -> tuple[int, str, str]:
    with pytest.raises(RefusedError) as error:
        look(content, limits)
    return error.value.status, error.value.code, str(error.value)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"])
def test_a_picture_of_each_format_has_its_pixels(form: str) -> None:
    assert look(picture(form=form), LIMITS) == 12 * 9


def test_the_format_is_that_of_the_content() -> None:
    for content in (b"", b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"PK\3\4"):
        status, code, said = refused(content)
        assert (status, code) == (415, "no_picture")
        assert said == "must be a picture (JPEG, PNG, WEBP, GIF, BMP, TIFF, PPM, AVIF); it is something else"


def test_too_many_pixels_are_told_before_any_is_decoded() -> None:
    file = io.BytesIO()
    Image.new("1", (8_000, 4_001)).save(file, "PNG")
    said = "must have at most 32,000,000 pixels; has 8,000 x 4,001"
    assert refused(file.getvalue()) == (413, "too_many_pixels", said)
    assert refused(picture(), Limits(pixels=107))[2] == "must have at most 107 pixels; has 12 x 9"


def test_a_jpeg_that_is_decoded_at_a_part_of_its_size_may_have_more() -> None:
    few = Limits(pixels=107)
    assert look(picture(form="JPEG"), few) == 108
    assert refused(picture(form="JPEG", progressive=True), few)[1] == "too_many_pixels"
    said = "must have at most 107 pixels; has 12 x 9"
    assert refused(picture(form="JPEG"), Limits(jpeg_pixels=107))[2] == said


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    content = picture(form="JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * (count - content.count(b"\xff\xda")) + content[-2:]


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    assert look(with_scans(100), LIMITS) == 108
    said = "must be a JPEG of at most 100 scans; has more"
    assert refused(with_scans(101)) == (413, "too_many_scans", said)


def test_a_file_of_very_many_pieces_is_refused_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    content = picture(form="JPEG")
    many = content[:2] + b"\xff\xe1\x00\x02" * 10_000 + content[2:]
    monkeypatch.setattr(Image, "open", None)
    said = "must consist of at most 10,000 segments, chunks or blocks; has more"
    assert refused(many) == (413, "too_many_pieces", said)


def test_a_picture_is_sent_out_without_what_came_along() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret"
    exif.get_ifd(0x8825)[1] = "N"  # where it was taken
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG", exif=exif, comment=b"a secret", icc_profile=b"a secret")
    assert b"a secret" in file.getvalue()
    content = reencoded(file.getvalue(), 200)
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("JPEG", (200, 150))
        assert dict(image.getexif()) == {}
        assert set(image.info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert b"secret" not in content
    with Image.open(io.BytesIO(reencoded(picture(), 200))) as image:
        assert image.size == (12, 9)  # never enlarged


def test_large_pictures_are_decoded_one_after_the_other_and_small_ones_beside_them() -> None:
    pixels, inside, others = Pixels(2 * SMALL), threading.Event(), []

    def another() -> None:
        with pixels.held(SMALL + 1):
            others.append(inside.is_set())

    with pixels.held(SMALL + 1):
        thread = threading.Thread(target=another)
        thread.start()
        with pixels.held(SMALL):
            thread.join(0.05)
        assert thread.is_alive()
        inside.set()
    thread.join(5)
    assert others == [True]


def test_a_picture_larger_than_all_that_fits_is_decoded_alone() -> None:
    with Pixels(10).held(SMALL + 1):
        pass
