"""XMP, the XML in which pictures and their sidecars carry keywords and rights.

It comes from strangers: a document with a DOCTYPE is refused before anything in it is expanded, nothing
outside it is read, and its size, depth and number of parts are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn
from xml.parsers import expat

from lxml import etree

from emotionnet.records import DataError, first_line

MAX_BYTES = 8 * 2**20
MAX_DEPTH = 100
MAX_PARTS = 100_000  # elements and attributes

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
DIGIKAM = "http://www.digikam.org/ns/1.0/"
LIGHTROOM = "http://ns.adobe.com/lightroom/1.0/"
NAMESPACE = "urn:emotionnet:tags:1#"  # our own
_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"
_CC = ("http://creativecommons.org/ns#", "http://web.resource.org/cc/")

SUBJECT = f"{{{DC}}}subject"
TAGS_LIST = f"{{{DIGIKAM}}}TagsList"
HIERARCHY = f"{{{LIGHTROOM}}}hierarchicalSubject"
KEYWORDS = (SUBJECT, TAGS_LIST, HIERARCHY)  # the properties that hold keywords
DESCRIPTION, ABOUT, ITEM = f"{{{RDF}}}Description", f"{{{RDF}}}about", f"{{{RDF}}}li"
BAG, SEQ = f"{{{RDF}}}Bag", f"{{{RDF}}}Seq"
CONTAINERS = (BAG, SEQ, f"{{{RDF}}}Alt")

Element = Any  # lxml has no types


@dataclass(frozen=True)
class Xmp:
    """A document: its `rdf:RDF`, and whether it began with an XML declaration."""

    rdf: Element
    declared: bool

    def descriptions(self) -> list[Element]:
        """The elements whose children and attributes are the properties."""
        return list(self.rdf.iterchildren(DESCRIPTION))

    def properties(self, name: str) -> list[Element]:
        """The elements of a property, in order."""
        return [found for one in self.descriptions() for found in one.iterchildren(name)]

    def values(self, name: str) -> list[str]:
        """The texts of a property, in order: the items of its container, or it is one text itself."""
        texts: list[str] = []
        for one in self.descriptions():
            texts += [one.get(name) or ""]
            for found in one.iterchildren(name):
                texts += [item.text or "" for item in items(found)] or [_resource(found) or found.text or ""]
        return [text.strip() for text in texts if text.strip()]

    def content(self) -> bytes:
        """The document in UTF-8, with what stands before and behind its root."""
        root = self.rdf.getroottree().getroot()
        nodes = [*reversed(list(root.itersiblings(preceding=True))), root, *root.itersiblings()]
        lines = [b'<?xml version="1.0" encoding="UTF-8"?>'] if self.declared else []
        lines += [
            etree.tostring(node, encoding="UTF-8", xml_declaration=False, with_tail=False) for node in nodes
        ]
        return b"\n".join([*lines, b""])


def parse_xmp(content: bytes, name: str) -> Xmp:
    """Read a document.

    Args:
        content: Of a sidecar, or as a picture has it.
        name: What errors call it.

    Raises:
        DataError: It is no XMP, or exceeds a bound; one line.
    """
    declared = _look_through(content, name)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        strip_cdata=False,
        remove_blank_text=False,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise DataError(f"{name}: must be XMP; {first_line(error):.200}") from None
    rdf = next(root.iter(f"{{{RDF}}}RDF"), None)
    if rdf is None:
        raise DataError(f"{name}: must be XMP; it has no rdf:RDF")
    return Xmp(rdf, declared)


def items(found: Element) -> Iterator[Element]:
    """The `rdf:li` of a property's container."""
    for container in found.iterchildren(*CONTAINERS):
        yield from container.iterchildren(ITEM)


def licence_of(xmp: Xmp) -> str:
    """What the document says of the picture's licence, the most precise there is; empty: nothing."""
    names = [f"{{{_CC[0]}}}license", f"{{{_CC[1]}}}license", f"{{{_RIGHTS}}}WebStatement", f"{{{DC}}}rights"]
    found = (text for name in names for text in xmp.values(name))
    return " ".join(next(found, "").split())


def _resource(found: Element) -> str | None:
    text: str | None = found.get(f"{{{RDF}}}resource")
    return text


def _look_through(content: bytes, name: str) -> bool:
    """Hold the document against the bounds before a tree is made of it; whether it has a declaration."""
    if len(content) > MAX_BYTES:
        raise DataError(f"{name}: XMP must have at most {MAX_BYTES:,} bytes; has {len(content):,}")
    look = _Look(name)
    parser = expat.ParserCreate()
    parser.XmlDeclHandler = look.declaration
    parser.StartDoctypeDeclHandler = look.refuse_doctype
    parser.StartElementHandler = look.start
    parser.EndElementHandler = look.end
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # also an encoding that nobody knows
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}: must be XMP; {first_line(error):.200}") from None
    return look.declared


class _Look:
    """Counts while a document goes by."""

    def __init__(self, name: str) -> None:
        self.name, self.declared = name, False
        self._depth = self._parts = 0

    def declaration(self, *_: object) -> None:
        self.declared = True

    def refuse_doctype(self, *_: object) -> NoReturn:
        raise DataError(f"{self.name}: XMP must have no DOCTYPE; it has one")

    def start(self, _: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._parts += 1 + len(attributes)
        if self._depth > MAX_DEPTH:
            raise DataError(f"{self.name}: XMP must be at most {MAX_DEPTH} elements deep; it is deeper")
        if self._parts > MAX_PARTS:
            raise DataError(
                f"{self.name}: XMP must have at most {MAX_PARTS:,} elements and attributes; it has more"
            )

    def end(self, _: str) -> None:
        self._depth -= 1
