"""Our tags in a sidecar: everything else stays, and all of it can be undone."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet.data import sidecar_tags as room
from emotionnet.data.sidecar_tags import with_tags, without_tags, written_for
from emotionnet.data.xmp import ABOUT, HIERARCHY, MAX_BYTES, NAMESPACE, SUBJECT, TAGS_LIST, parse_xmp
from emotionnet.records import DataError
from tests.data.test_xmp import NAMES, bag, document

JOY = ("emotion/joy",)

DARKTABLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
   darktable:xmp_version="5"
   darktable:history_end="1">
   <darktable:history>
    <rdf:Seq>
     <rdf:li darktable:operation="exposure" darktable:params="gz03eJxjYGBgYAFiCQYYOOHEgAYAl8MCQQ=="/>
    </rdf:Seq>
   </darktable:history>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>beach</rdf:li>
     <rdf:li>emotion/joy</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>places|beach</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""


def tagged(base: bytes | None, *words: str) -> bytes:
    content = with_tags(base, words, "a.jpg", "a.jpg.xmp")
    assert content is not None
    return content


def values(content: bytes, kind: str) -> list[str]:
    return parse_xmp(content, "x").values(kind)


def test_a_new_sidecar_speaks_to_all_programs() -> None:
    content = tagged(None, "emotion/awe", "emotion/joy")
    assert values(content, SUBJECT) == ["emotion/awe", "emotion/joy"]
    assert values(content, TAGS_LIST) == ["emotion/awe", "emotion/joy"]
    assert values(content, HIERARCHY) == ["emotion|awe", "emotion|joy"]
    assert without_tags(content, "x") == room.Base(None)


def test_what_else_is_in_a_sidecar_stays() -> None:
    content = tagged(DARKTABLE, "emotion/awe", "emotion/joy")
    assert values(content, SUBJECT) == ["beach", "emotion/joy", "emotion/awe"]
    assert values(content, HIERARCHY) == ["places|beach", "emotion|awe", "emotion|joy"]
    assert values(content, TAGS_LIST) == []  # it has none: who reads it does not ask for it
    ours = re.compile(
        rb"<rdf:li>emotion[/|](awe|joy)</rdf:li>|<rdf:Description xmlns:emotionnet=.*</rdf:Description>",
        re.DOTALL,
    )
    left, before = (b" ".join(ours.sub(b"", text).split()) for text in (content, DARKTABLE))
    assert sorted(left.split()) == sorted(before.split())  # lxml puts namespaces before other attributes
    assert without_tags(content, "x") == room.Base(DARKTABLE)


def test_words_that_are_there_already_leave_the_file_alone() -> None:
    base = document(bag("dc:subject", "emotion/joy"))
    assert with_tags(base, JOY, "a.jpg", "x") is base


SHAPES = {
    "empty": f"<rdf:RDF {NAMES}/>".encode(),
    "no keywords": document(""),
    "a comment": b"<!-- mine -->\n" + document("<!-- too -->"),
    "an empty property": document("<dc:subject/>"),
    "an empty list": document("<dc:subject><rdf:Bag/></dc:subject>"),
    "an ordered list": document(bag("dc:subject", "sea", kind="Seq")),
    "two of it": document(bag("dc:subject", "sea") + bag("dc:subject", "sun")),
    "two descriptions": document(
        f'</rdf:Description><rdf:Description rdf:about="">{bag("dc:subject", "sea")}'
    ),
    "an identity": document(bag("dc:subject", "sea")).replace(b'about=""', b'about="uuid:7"'),
    "another prefix": document(bag("dc:subject", "sea")).replace(b"dc:", b"x:").replace(b":dc=", b":x="),
    "utf-16": document(bag("dc:subject", "süß")).decode().encode("utf-16"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_tags_go_in_once_and_come_out_byte_for_byte(name: str) -> None:
    base = SHAPES[name]
    content = tagged(base, *JOY)
    assert sorted(values(content, SUBJECT)) == ["emotion/joy", *sorted(values(base, SUBJECT))]
    assert without_tags(content, "x") == room.Base(base)
    assert tagged(without_tags(content, "x").content, *JOY) == content
    described = parse_xmp(content, "x").descriptions()
    assert len({one.get(ABOUT) for one in described}) == 1  # all of one picture


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1), max_size=4))
def test_any_words_that_xml_can_hold(words: list[str]) -> None:
    words = [word for word in words if word.strip() == word and not re.search("[\ufffe\uffff]", word)]
    base = document(bag("dc:subject", "sea"))
    content = with_tags(base, words, "a.jpg", "x")
    assert content is not None
    assert set(values(content, SUBJECT)) == {"sea", *words}
    assert without_tags(content, "x") == room.Base(base)


OTHER = "x: subject must be a list; it is something else"
REFUSED = {
    "attribute": (document("", 'dc:subject="sea"'), "x: subject must be a list; it is a text"),
    "text": (document("<dc:subject>sea</dc:subject>"), "x: subject must be a list; it is a text"),
    "resource": (document('<dc:subject rdf:resource="y"/>'), OTHER),
    "struct": (document("<dc:subject><a/></dc:subject>"), OTHER),
    "no XMP": (b"<a/>", "x: must be XMP; it has no rdf:RDF"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_take_tags(name: str) -> None:
    base, message = REFUSED[name]
    with pytest.raises(DataError, match=re.escape(message)):
        with_tags(base, JOY, "a.jpg", "x")


def test_words_that_xml_cannot_hold() -> None:
    for word in ("a\x00", "\ud800", "\x1b", "\uffff"):
        with pytest.raises(DataError, match="x: must be of characters that XML can hold; got "):
            with_tags(None, [word], "a.jpg", "x")


def test_a_sidecar_stays_small_enough_to_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_BYTES", 600)
    with pytest.raises(DataError, match=r"x: XMP must have at most 600 bytes; with tags it has [\d,]+"):
        with_tags(None, JOY, "a.jpg", "x")


def test_what_another_program_did_since_stays() -> None:
    base = document(bag("dc:subject", "sea", "emotion/awe"))
    content = tagged(base, "emotion/awe", "emotion/joy")
    theirs = content.replace(b"<rdf:li>sea</rdf:li>", b"<rdf:li>sea</rdf:li><rdf:li>new</rdf:li>")
    found = without_tags(theirs, "x")
    assert not found.intact
    assert found.content is not None
    assert NAMESPACE.encode() not in found.content
    assert values(found.content, SUBJECT) == ["sea", "new", "emotion/awe"]  # awe was theirs before
    again = tagged(found.content, *JOY)
    assert without_tags(again, "x") == room.Base(found.content)


def test_a_new_sidecar_that_another_program_filled() -> None:
    ours = tagged(None, *JOY)
    content = ours.replace(b"<rdf:li>emotion/joy", b"<rdf:li>sea</rdf:li><rdf:li>emotion/joy", 1)
    found = without_tags(content, "x")
    assert not found.intact
    assert found.content is not None
    assert [values(found.content, kind) for kind in (SUBJECT, TAGS_LIST, HIERARCHY)] == [["sea"], [], []]
    assert b"TagsList>" not in found.content


def test_a_broken_memory_is_refused() -> None:
    content = tagged(document(""), *JOY)
    packed = base64.b64encode(zlib.compress(document(""), 9))
    assert packed in content
    bomb = base64.b64encode(zlib.compress(b" " * (MAX_BYTES + 1), 9))
    for wrong in (b"AAAA", b"a", packed[:-8], bomb):
        with pytest.raises(DataError, match="x: what it says that it was before must be readable; it is not"):
            without_tags(content.replace(packed, wrong), "x")


def test_files_that_are_not_ours_are_not_even_read() -> None:
    for content in (b"", b"broken <", DARKTABLE):
        assert without_tags(content, "x") == room.Base(content)
        assert not written_for(content, "a.jpg", "x")
    only_named = document("").replace(b"<rdf:Description", f'<rdf:Description xmlns:e="{NAMESPACE}"'.encode())
    assert without_tags(only_named, "x") == room.Base(only_named)


@pytest.mark.parametrize("picture", ["a.jpg", "a b.jpg", "ä&<\x01.jpg", "\udcff.jpg"])
def test_a_sidecar_knows_its_picture(picture: str) -> None:
    content = with_tags(None, JOY, picture, "x")
    assert content is not None
    assert written_for(content, picture, "x")
    assert not written_for(content, "b.jpg", "x")


@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
def test_exiftool_reads_it_and_keeps_our_memory(tmp_path: Path) -> None:
    fresh, old = tmp_path / "new.jpg.xmp", tmp_path / "old.jpg.xmp"
    fresh.write_bytes(tagged(None, "emotion/awe", "emotion/joy"))
    old.write_bytes(tagged(DARKTABLE, "emotion/awe"))
    told = run_exiftool(
        "-validate", "-warning", "-error", "-a", "-s3", "-sep", "|", "-XMP-dc:Subject", fresh, old
    )
    assert [line for line in told if line.strip() and not line.startswith(("===", "  "))] == [
        "OK", "emotion/awe|emotion/joy", "OK", "beach|emotion/joy|emotion/awe"
    ]  # fmt: skip
    run_exiftool("-q", "-overwrite_original", "-XMP-xmp:Rating=3", fresh, old)
    for path, own in ((fresh, []), (old, ["beach", "emotion/joy"])):
        found = without_tags(path.read_bytes(), "x")
        assert not found.intact
        assert found.content is not None
        assert values(found.content, SUBJECT) == own
        assert b"Rating>3<" in found.content
        assert NAMESPACE.encode() not in found.content


def run_exiftool(*arguments: object) -> list[str]:
    done = subprocess.run(["exiftool", *map(str, arguments)], capture_output=True, text=True, check=True)
    assert not done.stderr.replace("2 image files read", "").strip()
    return done.stdout.splitlines()
