"""What a picture's file consists of, counted by hand."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from emotionnet.apps.serve.pieces import has_more_pieces, has_more_scans
from tests.apps.serve.conftest import picture

GIF = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)  # a palette of two colours
PIXEL = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00\x3b"


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def pieces(content: bytes) -> int:
    """The smallest number that it has no more of."""
    return next(most for most in range(len(content) + 1) if not has_more_pieces(content, most))


def within(content: bytes, at: int, more: bytes) -> bytes:
    return content[:at] + more + content[at:]


def test_segments_of_a_jpeg_count_up_to_its_first_scan() -> None:
    content = picture(form="JPEG", progressive=True)
    scans = content.count(b"\xff\xda")
    assert scans > 1
    before = pieces(content)
    assert before == 7  # APP0, two DQT, SOF, two DHT, SOS
    assert pieces(within(content, 2, b"\xff\xe1\x00\x05abc" * 7)) == before + 7


@pytest.mark.parametrize(
    ("more", "count"),
    [
        (b"\xff" * 9, 9),  # padding, which is read byte by byte
        (b"\x00" * 9, 9),
        (b"\xff\xd0" * 9, 18),  # restarts where none belong
        (b"\xff\xd8" * 9, 9),  # without a length
        (b"\xff\xf0\x00\x08abcdef" * 2, 2 + 2 * 8),  # Pillow knows no length of these
    ],
)
def test_what_lies_between_segments_of_a_jpeg_counts_too(more: bytes, count: int) -> None:
    content = picture(form="JPEG")
    assert pieces(within(content, 2, more)) == pieces(content) + count


def test_chunks_of_a_png_count_wherever_they_stand() -> None:
    content = picture()
    assert pieces(content) == 3  # IHDR, IDAT, IEND
    assert pieces(within(content, 33, chunk(b"prVt") * 5)) == 8
    assert pieces(within(content, len(content) - 12, chunk(b"prVt", b"abc") * 5)) == 8


def test_blocks_of_a_gif_count_up_to_its_first_picture() -> None:
    assert pieces(GIF + PIXEL) == 0
    comment = b"\x21\xfe" + b"\x01a" * 3 + b"\x00"
    assert pieces(GIF + comment * 2 + PIXEL + comment * 9) == 2 * (1 + 3)
    assert pieces(GIF + b"\x00" * 4 + PIXEL) == 4
    with Image.open(io.BytesIO(GIF + comment + PIXEL)) as image:
        assert image.info["comment"] == b"aaa"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF"])
def test_pictures_as_they_are_have_few(form: str) -> None:
    assert not has_more_pieces(picture(form=form, size=(900, 700)), 20)


@pytest.mark.parametrize("begin", [b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", GIF, b""])
@pytest.mark.parametrize("count", [has_more_pieces, has_more_scans])
def test_files_that_end_early_are_counted_as_far_as_they_go(
    begin: bytes, count: Callable[[bytes, int], bool]
) -> None:
    whole = begin + b"\xff\xda\xff\xe1\x21\xfe\x09abc"
    for end in range(len(whole)):
        assert not count(whole[:end], 50)


def test_scans_are_told_from_bytes_that_look_like_them() -> None:
    odd = b"\xff\xda" * 500
    content = picture(form="JPEG", comment=odd) + odd  # in a comment, and behind the end
    assert content.count(b"\xff\xda") == 1001
    assert not has_more_scans(content, 100)
    assert has_more_scans(picture(form="JPEG", comment=odd) + odd, 0)
