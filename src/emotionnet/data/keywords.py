"""The keywords and the licence that a picture carries: embedded XMP, IPTC, and an XMP sidecar.

No pixel is decoded.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import Image, IptcImagePlugin
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import XMP as XMP_TAG
from PIL.TiffImagePlugin import TiffImageFile

from emotionnet.data.picture import FORMATS, faults
from emotionnet.data.sidecar_tags import without_tags
from emotionnet.data.sidecars import Sidecars, read_sidecar
from emotionnet.data.xmp import KEYWORDS, MAX_BYTES, Xmp, licence_of, parse_xmp
from emotionnet.records import DataError, first_line

LONGEST = 200  # characters of a keyword or a licence that are kept
_IPTC_KEYWORDS = (2, 25)
_PNG_KEY = b"XML:com.adobe.xmp\0"


@dataclass(frozen=True)
class Keywords:
    """What a picture says of itself: keywords in order, each once; a licence, empty where it names none."""

    keywords: tuple[str, ...]
    licence: str


def read_keywords(picture: Path, sidecars: Sidecars) -> Keywords:
    """Read the keywords of a picture, those of its sidecar first.

    Of a hierarchy, with '/' or '|' between the levels, it is the lowest level. What `emotionnet tag` wrote
    into a sidecar is no keyword: it is a network's opinion.

    Raises:
        DataError: It is no picture, or what it or its sidecar carries is broken; one line.
    """
    with faults(str(picture)), Image.open(picture, formats=FORMATS) as image:
        embedded = _embedded_xmp(image, picture)
        iptc = _iptc(image, picture)
    documents: list[Xmp] = []
    sidecar = sidecars.of(picture)
    content = read_sidecar(sidecar)
    if content is not None:
        own = without_tags(content, str(sidecar)).content
        documents += [parse_xmp(own, str(sidecar))] if own is not None else []
    documents += [parse_xmp(embedded, str(picture))] if embedded else []
    texts = [text for xmp in documents for kind in KEYWORDS for text in xmp.values(kind)]
    licence = next(filter(None, map(licence_of, documents)), "")
    return Keywords(_leaves([*texts, *iptc]), licence[:LONGEST])


def _leaves(texts: Sequence[str]) -> tuple[str, ...]:
    levels = ([part.strip() for part in re.split(r"[/|]", text) if part.strip()] for text in texts)
    return tuple(dict.fromkeys(" ".join(parts[-1].split())[:LONGEST] for parts in levels if parts))


def _embedded_xmp(image: ImageFile, picture: Path) -> bytes:
    """The XMP packet; empty where there is none."""
    if image.format == "PNG":
        with picture.open("rb") as file:
            found: object = next(_png_packets(file, picture), b"")
    elif isinstance(image, TiffImageFile):
        found = image.tag_v2.get(XMP_TAG, b"")
    else:
        found = image.info.get("xmp", b"")
    content = found if isinstance(found, bytes) else b""
    return content if b"\0" in content[:4] else content.rstrip(b"\0")  # zeros follow, or it is UTF-16


def _png_packets(file: IO[bytes], picture: Path) -> Iterator[bytes]:
    """The XMP of a PNG, which may lie behind the pixels, where Pillow comes only when it decodes them."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind != b"iTXt" or length > MAX_BYTES:
            file.seek(length + 4, 1)
            continue
        data = file.read(length)
        file.seek(4, 1)
        if data.startswith(_PNG_KEY):
            yield _png_text(data.removeprefix(_PNG_KEY), picture)


def _png_text(data: bytes, picture: Path) -> bytes:
    compressed = data[:1] == b"\1"
    text = data[2:].split(b"\0", 2)[-1]  # behind the language and the translated name
    if not compressed:
        return text
    reader = zlib.decompressobj()
    try:
        found = reader.decompress(text, MAX_BYTES)
    except zlib.error as error:
        raise DataError(f"{picture}: XMP cannot be decompressed ({error})") from None
    if not reader.eof:
        raise DataError(f"{picture}: XMP must be whole and have at most {MAX_BYTES:,} bytes; it is not")
    return found


def _iptc(image: ImageFile, picture: Path) -> list[str]:
    """The keywords of IPTC; in UTF-8, or else in Latin-1, whatever it says of its encoding."""
    try:
        found = (IptcImagePlugin.getiptcinfo(image) or {}).get(_IPTC_KEYWORDS, [])
    except Exception as error:  # Pillow's reader was not made for broken ones
        raise DataError(f"{picture}: IPTC cannot be read ({first_line(error)})") from None
    return [_text(one) for one in (found if isinstance(found, list) else [found])]


def _text(content: bytes) -> str:
    content = content.strip(b"\0 ")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
