"""Keywords that pictures carry, in every format and place."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin

from emotionnet.data import keywords as room
from emotionnet.data.keywords import Keywords, read_keywords
from emotionnet.data.sidecar_tags import with_tags
from emotionnet.data.sidecars import Sidecars
from emotionnet.records import DataError
from tests.data.test_xmp import bag, document

BY = "https://creativecommons.org/licenses/by/4.0/"
SEA = document(bag("dc:subject", "sea", "sun") + f'<cc:license rdf:resource="{BY}"/>')


def picture(path: Path, **more: Any) -> Path:
    Image.new("RGB", (8, 8), "red").save(path, **more)
    return path


def read(path: Path) -> Keywords:
    return read_keywords(path, Sidecars())


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path: Path, text: bytes, *, compressed: bool = False, behind: bool = True) -> Path:
    """A PNG with a packet before or behind its pixels."""
    whole = picture(path).read_bytes()
    cut = whole.index(b"IEND" if behind else b"IDAT") - 4
    data = b"XML:com.adobe.xmp\0" + (b"\1" if compressed else b"\0") + b"\0\0\0" + text
    path.write_bytes(whole[:cut] + chunk(b"iTXt", data) + whole[cut:])
    return path


def iptc(*values: bytes) -> bytes:
    return b"".join(b"\x1c\x02\x19" + struct.pack(">H", len(value)) + value for value in values)


def jpeg_with_iptc(path: Path, data: bytes) -> Path:
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)
    segment = b"Photoshop 3.0\0" + block
    whole = picture(path).read_bytes()
    path.write_bytes(whole[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + whole[2:])
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp", ".avif"])
@pytest.mark.parametrize("padding", [b"", b"\0\0"])
def test_embedded_xmp(tmp_path: Path, suffix: str, padding: bytes) -> None:
    more: dict[str, Any] = {"xmp": SEA + padding}
    if suffix == ".tif":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[700], tags.tagtype[700] = SEA + padding, 1
        more = {"tiffinfo": tags}
    assert read(picture(tmp_path / f"a{suffix}", **more)) == Keywords(("sea", "sun"), BY)
    assert read(picture(tmp_path / f"none{suffix}")) == Keywords((), "")


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_embedded_xmp_of_a_png(tmp_path: Path, behind: bool, compressed: bool) -> None:
    text = zlib.compress(SEA) if compressed else SEA
    path = png(tmp_path / "a.png", text, compressed=compressed, behind=behind)
    assert read(path) == Keywords(("sea", "sun"), BY)


def test_no_pixel_is_decoded(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg", xmp=SEA)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"\xff\xda")])  # up to where the pixels begin
    assert read(path).keywords == ("sea", "sun")


def test_utf_16(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-16-be"):
        text = SEA.decode().replace("sea", "süß")
        content = ("\ufeff" if encoding == "utf-16-be" else "") + text
        path = picture(tmp_path / f"{encoding}.jpg", xmp=content.encode(encoding))
        assert read(path).keywords == ("süß", "sun")


def test_iptc(tmp_path: Path) -> None:
    path = jpeg_with_iptc(tmp_path / "a.jpg", iptc(b"sea", "süß".encode(), "süß".encode("latin-1"), b"sun\0"))
    assert read(path) == Keywords(("sea", "süß", "sun"), "")
    assert read(jpeg_with_iptc(tmp_path / "b.jpg", iptc(b"sea"))).keywords == ("sea",)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33723], tags.tagtype[33723] = iptc(b"sea", b"sun"), 7
    assert read(picture(tmp_path / "a.tif", tiffinfo=tags)).keywords == ("sea", "sun")


def test_iptc_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise SyntaxError("invalid IPTC/NAA file")

    monkeypatch.setattr("emotionnet.data.keywords.IptcImagePlugin.getiptcinfo", fail)
    with pytest.raises(DataError, match=r"a\.jpg: IPTC cannot be read \(invalid IPTC/NAA file\)$"):
        read(picture(tmp_path / "a.jpg"))


@pytest.mark.parametrize("name", ["a.jpg.xmp", "a.xmp"])
def test_a_sidecar_comes_first_and_nothing_stands_twice(tmp_path: Path, name: str) -> None:
    path = picture(tmp_path / "a.jpg", xmp=SEA)
    rights = bag("dc:rights", "mine", kind="Alt")
    (tmp_path / name).write_bytes(document(bag("dc:subject", "sun", "beach") + rights))
    assert read(path) == Keywords(("sun", "beach", "sea"), "mine")


def test_hierarchies_give_their_lowest_level(tmp_path: Path) -> None:
    inner = bag("dc:subject", "places/Europe/Paris", "sea", "/", "a/ ") + bag(
        "lr:hierarchicalSubject", "mood|calm  night"
    )
    path = picture(tmp_path / "a.jpg", xmp=document(inner))
    assert read(path).keywords == ("Paris", "sea", "a", "calm night")


def test_what_a_network_wrote_is_no_keyword(tmp_path: Path) -> None:
    path, sidecar = picture(tmp_path / "a.jpg"), tmp_path / "a.jpg.xmp"
    for base, expected in ((None, ()), (SEA, ("sea", "sun"))):
        content = with_tags(base, ["emotion/joy"], "a.jpg", "x")
        assert content is not None
        sidecar.write_bytes(content)
        assert read(path).keywords == expected


def test_long_texts_are_cut(tmp_path: Path) -> None:
    long = document(bag("dc:subject", "x" * 500) + bag("dc:rights", "y" * 500))
    assert read(picture(tmp_path / "a.jpg", xmp=long)) == Keywords(("x" * 200,), "y" * 200)


def test_what_is_broken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, path = tmp_path / "text.jpg", tmp_path / "a.jpg"
    text.write_text("no picture")
    packed = zlib.compress(SEA)
    faults = {
        text: r"text\.jpg: must be a picture \(",
        picture(tmp_path / "xml.jpg", xmp=b"broken <"): r"xml\.jpg: must be XMP; ",
        png(
            tmp_path / "cut.png", packed[:-9], compressed=True
        ): r"cut\.png: XMP must be whole and have at most",
        png(
            tmp_path / "no.png", b"no zlib", compressed=True
        ): r"no\.png: XMP cannot be decompressed \(Error -3",
        tmp_path / "gone.jpg": r"gone\.jpg: file not found",
    }
    for broken, message in faults.items():
        with pytest.raises(DataError, match=message):
            read(broken)
    (tmp_path / "a.jpg.xmp").write_text("broken <")
    with pytest.raises(DataError, match=re.escape(f"{path}.xmp: must be XMP; ")):
        read(picture(path))
    monkeypatch.setattr(room, "MAX_BYTES", len(packed) + 50)
    assert len(packed) + 50 < len(SEA)
    with pytest.raises(
        DataError, match=r"bomb\.png: XMP must be whole and have at most [\d,]+ bytes; it is not"
    ):
        read(png(tmp_path / "bomb.png", packed, compressed=True))
    monkeypatch.setattr(room, "MAX_BYTES", 10)
    assert read(png(tmp_path / "large.png", SEA)).keywords == ()  # is passed over unread


@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
def test_what_exiftool_writes(tmp_path: Path) -> None:
    wanted = ("beach", "süße Träume")
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        path = picture(tmp_path / f"a{suffix}")
        tag = "-IPTC:Keywords+=" if suffix == ".tif" else "-XMP-dc:Subject+="
        orders = [f"{tag}{word}" for word in wanted] + [f"-XMP-xmpRights:WebStatement={BY}"]
        subprocess.run(["exiftool", "-q", "-overwrite_original", *orders, path], check=True)
        assert read(path) == Keywords(wanted, BY)
