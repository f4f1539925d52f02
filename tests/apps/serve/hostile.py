"""Uploads that no server should be given: broken, huge, nested, truncated, or no pictures at all."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

FORMS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
MAGIC = {
    "PNG": b"\x89PNG\r\n\x1a\n",
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "WEBP": b"RIFF\xff\xff\0\0WEBPVP8 ",
    "GIF": b"GIF89a",
    "BMP": b"BM",
    "TIFF": b"II*\0\x08\0\0\0",
    "PPM": b"P6 ",
    "AVIF": b"\0\0\0\x20ftypavif",
}

Rng = np.random.Generator


def hostile(count: int, *, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Names and contents; of each kind in turn."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        make = KINDS[number % len(KINDS)]
        form = FORMS[number // len(KINDS) % len(FORMS)]
        yield f"{make.__name__}-{number}.{form.lower()}", make(form, rng)


def _noise(form: str, rng: Rng, side: int = 64) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(file, form)
    return file.getvalue()


def rubbish(_form: str, rng: Rng) -> bytes:
    """Bytes without meaning."""
    return b"\0" + rng.bytes(int(rng.integers(0, 5000)))


def text(_form: str, rng: Rng) -> bytes:
    """Files of other kinds under a picture's name."""
    texts = (
        b"",
        b"hello",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7\n",
        b"\x7fELF\2\1\1",
        b"#!/bin/sh\n",
    )
    return texts[rng.integers(len(texts))] * int(rng.integers(1, 50))


def vector(_form: str, rng: Rng) -> bytes:
    """SVG that would fetch and grow."""
    link = f'<image href="file:///etc/passwd?{rng.integers(9)}"/><use href="http://127.0.0.1:1/"/>'
    entity = '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    return f'<?xml version="1.0"?>{entity}<svg xmlns="http://www.w3.org/2000/svg">{link}&b;</svg>'.encode()


def junk(form: str, rng: Rng) -> bytes:
    """The first bytes of a format, then bytes without meaning."""
    return MAGIC[form] + rng.bytes(int(rng.integers(0, 3000)))


def truncated(form: str, rng: Rng) -> bytes:
    """A picture's first half, about."""
    content = _noise(form, rng)
    return content[: int(len(content) * rng.uniform(0.05, 0.7))]


def holes(form: str, rng: Rng) -> bytes:
    """A picture whose first quarter is overwritten."""
    content = bytearray(_noise(form, rng))
    content[8 : len(content) // 4] = rng.bytes(len(content) // 4 - 8)
    return bytes(content)


def nested(form: str, rng: Rng) -> bytes:
    """A picture in an archive, a mail or a form."""
    content = _noise(form, rng)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", content)
        archive.writestr("b.zip", b"\0" * 10**6)
    head = b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n--b\r\n\r\n'
    form_head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    packed = (
        file.getvalue(),
        head + content + b"\r\n--b--",
        form_head * 50 + content,
        zlib.compress(content),
    )
    return packed[rng.integers(len(packed))]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, rows: bytes, *, more: bytes = b"") -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return MAGIC["PNG"] + head + more + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _huge_jpeg() -> bytes:
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "JPEG")
    found = content.getvalue()
    place = found.index(b"\xff\xc0") + 5
    return found[:place] + struct.pack(">HH", 65000, 65000) + found[place + 4 :]


def huge(form: str, rng: Rng) -> bytes:
    """A head that tells of more pixels than there is memory."""
    side = int(rng.integers(40_000, 65_000))
    heads: dict[str, bytes] = {
        "PNG": _png(side, side, b"\0"),
        "JPEG": _huge_jpeg(),
        "WEBP": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2,
        "GIF": b"GIF89a"
        + struct.pack("<HHBBB", side, side, 0, 0, 0)
        + b",\0\0\0\0"
        + struct.pack("<HHB", side, side, 0),
        "BMP": b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0),
        "TIFF": _tiff([(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]),
        "PPM": f"P6 {side} {side} 255\n".encode(),
        "AVIF": junk("AVIF", rng),
    }
    return heads[form]


def _tiff(entries: list[tuple[int, int, int, int]], more: bytes = b"") -> bytes:
    packed = b"".join(struct.pack("<HHII", *one) for one in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + b"\0\0\0\0" + more


def bomb(_form: str, rng: Rng) -> bytes:
    """Few bytes that grow: pixels, scans, texts, tags that share their value, pages in a circle."""
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: _png(8_000, 8_000, b"\0" * 10**6),
        lambda: _png(5_600, 5_700, b"\0" * 10**6),  # within the limit, and cut off
        lambda: _png(9_000, 9_000, b"", more=_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 2**24, 9))),
        _many_scans,
        lambda: _tiff([(tag, 7, 60_000, 8) for tag in range(300, 5_000)], b"\0" * 10_000),
        lambda: _tiff([(256, 4, 1, 9), (257, 4, 1, 9)])[:-4] + struct.pack("<I", 8),
    )
    return kinds[rng.integers(len(kinds))]()


def _many_scans() -> bytes:
    file = io.BytesIO()
    Image.new("L", (3_000, 3_000)).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    return content[:-2] + content[content.rindex(b"\xff\xda") : -2] * 3_000 + content[-2:]


KINDS = (rubbish, text, vector, junk, truncated, holes, nested, huge, bomb)
