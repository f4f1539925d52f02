"""How many pieces a picture's file consists of, counted before it is opened.

Pillow handles segments of JPEG, chunks of PNG and blocks of GIF one by one in Python, and keeps something of
each: 32 MiB of empty ones would cost a gigabyte and half a minute. Libraries in C read the other formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from PIL.JpegImagePlugin import MARKER

_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # FF is followed by 0 or a restart in coded pixels
_SCAN, _END = 0xDA, 0xD9
_IMAGE, _EXTENSION = 0x2C, 0x21  # blocks of GIF


def has_more_pieces(content: bytes, most: int) -> bool:
    """Whether a file has more pieces than this before its first pixels, or as PNG in all."""
    count = 0
    for begin, pieces in _FORMATS.items():
        if content.startswith(begin):
            for some in pieces(content):
                count += some
                if count > most:
                    return True
    return False


def has_more_scans(content: bytes, most: int) -> bool:
    """Whether a JPEG has more scans (T.81, B.2.3): a few bytes each, and each may touch all pixels."""
    if content.count(b"\xff\xda") <= most:  # as nearly all
        return False
    count = 0
    for marker, _ in _segments(content):
        if marker == _END:  # what comes behind it is not decoded
            return False
        count += marker == _SCAN
        if count > most:
            return True
    return False


def _segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Each marker of a JPEG, and how many bytes lie between it and the segment before."""
    place = 2
    while (found := _JPEG_MARKER.search(content, place)) is not None:
        marker, gap, place = found[0][1], found.start() - place, found.end()
        yield marker, gap
        if MARKER.get(0xFF00 | marker, ("", "", None))[2] is not None:  # it has a length, as Pillow reads it
            place += max(2, int.from_bytes(content[place : place + 2], "big"))


def _jpeg_pieces(content: bytes) -> Iterator[int]:
    for marker, gap in _segments(content):
        yield 1 + gap  # Pillow reads a gap byte by byte
        if marker == _SCAN:
            return


def _png_pieces(content: bytes) -> Iterator[int]:
    place = 8
    while place < len(content):
        yield 1
        place += 12 + int.from_bytes(content[place : place + 4], "big")


def _gif_pieces(content: bytes) -> Iterator[int]:
    place = 13 + _gif_palette(content[10:11])
    while content[place : place + 1] not in (b"", bytes([_IMAGE])):
        yield 1
        if content[place] != _EXTENSION:
            place += 1
            continue
        place += 2
        while size := int.from_bytes(content[place : place + 1], "big"):
            yield 1
            place += 1 + size
        place += 1


def _gif_palette(flags: bytes) -> int:
    """Bytes of the palette that flags announce."""
    found = int.from_bytes(flags, "big")
    return 3 << (found & 7) + 1 if found & 0x80 else 0


_FORMATS: dict[bytes, Callable[[bytes], Iterator[int]]] = {
    b"\xff\xd8": _jpeg_pieces,
    b"\x89PNG\r\n\x1a\n": _png_pieces,
    b"GIF8": _gif_pieces,
}
