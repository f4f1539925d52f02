"""Adding to an XMP document, so that what is there stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from emotionnet.data.xmp import (
    ABOUT,
    BAG,
    CONTAINERS,
    DC,
    DESCRIPTION,
    DIGIKAM,
    HIERARCHY,
    ITEM,
    LIGHTROOM,
    NAMESPACE,
    SEQ,
    SUBJECT,
    TAGS_LIST,
    Element,
    Xmp,
)
from emotionnet.records import DataError

_PREFIXES = {DC: "dc", DIGIKAM: "digiKam", LIGHTROOM: "lr", NAMESPACE: "emotionnet"}
_LISTS = {SUBJECT: BAG, TAGS_LIST: SEQ, HIERARCHY: BAG}


def spelt_for(word: str, kind: str) -> str:
    """A word, '/' between its levels, as a property of keywords has it."""
    return word.replace("/", "|") if kind == HIERARCHY else word


def add_words(xmp: Xmp, kind: str, words: Sequence[str], name: str) -> bool:
    """Append the words that a property lacks; whether it lacked any.

    Raises:
        DataError: The property is no list, but a text or something else.
    """
    there = set(xmp.values(kind))
    lacking = [spelt for word in words if (spelt := spelt_for(word, kind)) not in there]
    if not lacking:
        return False
    bag = _container(xmp, kind, name)
    for word in lacking:
        append(bag, ITEM).text = word
    return True


def _container(xmp: Xmp, kind: str, name: str) -> Element:
    """The list that a property's items stand in; made where there is none."""
    found = xmp.properties(kind)
    attributes = [one for one in xmp.descriptions() if one.get(kind)]
    if attributes or (found and not len(found[0]) and (found[0].text or "").strip()):
        raise DataError(f"{name}: {etree.QName(kind).localname} must be a list; it is a text")
    if not found:
        return append(append(_first_description(xmp), kind), _LISTS[kind])
    bags = list(found[0].iterchildren(*CONTAINERS))
    if bags:
        return bags[0]
    if len(found[0]) or found[0].attrib:
        raise DataError(f"{name}: {etree.QName(kind).localname} must be a list; it is something else")
    return append(found[0], _LISTS[kind])


def _first_description(xmp: Xmp) -> Element:
    found = xmp.descriptions()
    if found:
        return found[0]
    made = append(xmp.rdf, DESCRIPTION)
    made.set(ABOUT, "")
    return made


def append(parent: Element, name: str, space: str | None = None) -> Element:
    """A new last child, on a line of its own where its brothers, or its parent, have one.

    Args:
        parent: What it goes into.
        name: With its namespace.
        space: One more namespace that it declares.
    """
    spaces = [one for one in (space, etree.QName(name).namespace) if one in _PREFIXES]
    indent = "\n" + " " * (1 + sum(1 for _ in parent.iterancestors()))
    made = etree.SubElement(parent, name, nsmap={_PREFIXES[one]: one for one in spaces})
    previous = made.getprevious()
    if previous is None:
        parent.text, made.tail = indent, indent[:-1]
    elif not (parent.text or "").strip():
        made.tail, previous.tail = previous.tail, parent.text
    return made
