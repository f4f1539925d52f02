"""XMP from strangers: read, bounded, given back as it was."""

from __future__ import annotations

import re

import pytest

from emotionnet.data import xmp as room
from emotionnet.data.xmp import DC, HIERARCHY, RDF, SUBJECT, licence_of, parse_xmp
from emotionnet.records import DataError

NAMES = (
    f'xmlns:rdf="{RDF}" xmlns:dc="{DC}" xmlns:lr="http://ns.adobe.com/lightroom/1.0/" '
    'xmlns:cc="http://creativecommons.org/ns#" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"'
)


def document(inner: str, attributes: str = "") -> bytes:
    described = f'<rdf:Description rdf:about="" {attributes}>{inner}</rdf:Description>'
    return f"<rdf:RDF {NAMES}>{described}</rdf:RDF>".encode()


def bag(name: str, *items: str, kind: str = "Bag") -> str:
    inner = "".join(f"<rdf:li>{item}</rdf:li>" for item in items)
    return f"<{name}><rdf:{kind}>{inner}</rdf:{kind}></{name}>"


@pytest.mark.parametrize("kind", ["Bag", "Seq", "Alt"])
def test_items_of_every_kind_of_list(kind: str) -> None:
    found = parse_xmp(document(bag("dc:subject", "sea", " the  sun ", "", kind=kind)), "x")
    assert found.values(SUBJECT) == ["sea", "the  sun"]


def test_a_property_may_be_a_text_an_attribute_or_in_two_descriptions() -> None:
    assert parse_xmp(document("<dc:subject>sea</dc:subject>"), "x").values(SUBJECT) == ["sea"]
    assert parse_xmp(document("", 'dc:subject="sea"'), "x").values(SUBJECT) == ["sea"]
    two = f'<x:xmpmeta xmlns:x="adobe:ns:meta/" {NAMES}><rdf:RDF>' + "".join(
        f"<rdf:Description>{bag('dc:subject', word)}</rdf:Description>" for word in ("sea", "sun")
    )
    assert parse_xmp(f"{two}</rdf:RDF></x:xmpmeta>".encode(), "x").values(SUBJECT) == ["sea", "sun"]
    assert parse_xmp(f"{two}</rdf:RDF></x:xmpmeta>".encode(), "x").values(HIERARCHY) == []


def test_other_encodings() -> None:
    text = document(bag("dc:subject", "süß")).decode()
    for encoding in ("utf-8-sig", "utf-16"):
        assert parse_xmp(text.encode(encoding), "x").values(SUBJECT) == ["süß"]
    declared = f'<?xml version="1.0" encoding="ISO-8859-1"?>{text}'.encode("latin-1")
    assert parse_xmp(declared, "x").values(SUBJECT) == ["süß"]


LICENCES = [
    ('<cc:license rdf:resource="https://creativecommons.org/licenses/by/4.0/"/>', "https://creativecommons.org/licenses/by/4.0/"),
    ("<xmpRights:WebStatement>https://example.org/terms</xmpRights:WebStatement>", "https://example.org/terms"),
    (bag("dc:rights", "© A.  Nyone", kind="Alt"), "© A. Nyone"),
]  # fmt: skip


@pytest.mark.parametrize("first", [0, 1, 2])
def test_the_most_precise_licence(first: int) -> None:
    inner = "".join(text for text, _ in reversed(LICENCES[first:]))
    assert licence_of(parse_xmp(document(inner), "x")) == LICENCES[first][1]


def test_no_licence() -> None:
    assert licence_of(parse_xmp(document(""), "x")) == ""


WHOLE = f"""<?xml version="1.0" encoding="UTF-8"?>
<?xpacket begin="\ufeff" id="W5"?>
<!-- before -->
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">
 <rdf:Description xmlns:other="http://example.org/" rdf:about="uuid:1"
 ><other:thing a="1">&amp; <![CDATA[<raw>]]></other:thing></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>
""".replace("\n >", ">").encode()


def test_what_is_read_is_written_again() -> None:
    assert parse_xmp(WHOLE, "x").content() == WHOLE
    bare = WHOLE.split(b"\n", 1)[1]
    assert parse_xmp(bare, "x").content() == bare


NO_DOCTYPE = "x: XMP must have no DOCTYPE; it has one"
LAUGHS = '<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
HOSTILE = {
    "internal": (f"{LAUGHS}<r>&b;</r>", NO_DOCTYPE),
    "attribute": (f'{LAUGHS}<r a="&b;"/>', NO_DOCTYPE),
    "file": ('<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><r>&a;</r>', NO_DOCTYPE),
    "remote": ('<!DOCTYPE r SYSTEM "http://localhost:1/x.dtd"><r/>', NO_DOCTYPE),
    "empty": ("", "x: must be XMP; no element found"),
    "no XML": ("just a text", "x: must be XMP; syntax error"),
    "cut": (WHOLE.decode()[:200], "x: must be XMP; "),
    "encoding": ('<?xml version="1.0" encoding="klingon"?><r/>', "x: must be XMP; unknown encoding"),
    "namespace": ("<a:r/>", "x: must be XMP; "),
    "no RDF": ("<r/>", "x: must be XMP; it has no rdf:RDF"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_xmp_is_refused(name: str) -> None:
    text, message = HOSTILE[name]
    for content in (text.encode(), text.encode("utf-16")) if "DOCTYPE" in message else (text.encode(),):
        with pytest.raises(DataError, match=re.escape(message)):
            parse_xmp(content, "x")


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    deepest = room.MAX_DEPTH - 2
    parse_xmp(document("<a>" * deepest + "</a>" * deepest), "x")
    deeper = deepest + 1
    with pytest.raises(DataError, match="x: XMP must be at most 100 elements deep; it is deeper"):
        parse_xmp(document("<a>" * deeper + "</a>" * deeper), "x")
    monkeypatch.setattr(room, "MAX_PARTS", 15)
    parse_xmp(document("<a/>" * 7), "x")  # besides two elements, five prefixes and an attribute
    for inner in ("<a/>" * 8, "<a b='' c='' d='' e='' f='' g='' h=''/>"):
        with pytest.raises(
            DataError, match="x: XMP must have at most 15 elements and attributes; it has more"
        ):
            parse_xmp(document(inner), "x")
    monkeypatch.setattr(room, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="x: XMP must have at most 100 bytes; has"):
        parse_xmp(document(""), "x")
