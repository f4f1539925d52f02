"""Our tags in an XMP sidecar, and out of it again.

A sidecar that we wrote says so in a few properties of its own: for which picture, which words, what the file
was before (compressed; nothing for a new one), and the SHA-256 of what we wrote, counted with zeros in its
own place. So it can be put back byte for byte without anything kept elsewhere; and where another program has
changed it since, our words and these properties are taken out of it, and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from emotionnet.data.xmp import (
    ABOUT,
    BAG,
    DC,
    DESCRIPTION,
    DIGIKAM,
    ITEM,
    KEYWORDS,
    LIGHTROOM,
    MAX_BYTES,
    NAMESPACE,
    RDF,
    SUBJECT,
    Xmp,
    items,
    parse_xmp,
)
from emotionnet.data.xmp_edit import add_words, append, spelt_for
from emotionnet.records import DataError

_PICTURE, _WORDS, _BEFORE, _WRITTEN = (
    f"{{{NAMESPACE}}}{name}" for name in ("Picture", "Words", "Before", "Written")
)
_OURS = (_PICTURE, _WORDS, _BEFORE, _WRITTEN)
_DIGEST = re.compile(rb"Written[^<>]*>([0-9a-f]{64})</")
_BLANK = b"0" * 64
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_DIGESTS = 10  # a stranger's file may hold any number
_EMPTY = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="emotionnet">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about="" xmlns:dc="{DC}" xmlns:digiKam="{DIGIKAM}" xmlns:lr="{LIGHTROOM}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


@dataclass(frozen=True)
class Base:
    """A sidecar without our tags.

    `content` is None for one that we made. `intact`: nobody else changed it since, so `content` is what the
    file was, byte for byte.
    """

    content: bytes | None
    intact: bool = True


def without_tags(content: bytes, name: str) -> Base:
    """Take our tags out of a sidecar.

    Args:
        content: Of the sidecar, whoever wrote it.
        name: What errors call it.

    Raises:
        DataError: It says that we wrote it, but cannot be read.
    """
    if NAMESPACE.encode() not in content:
        return Base(content)
    xmp = parse_xmp(content, name)
    if not xmp.values(_WRITTEN):
        return Base(content)
    before = _unpacked(xmp, name)
    if _is_intact(content):
        return Base(before)
    _strip(xmp, parse_xmp(before, name) if before is not None else None)
    return Base(xmp.content(), intact=False)


def with_tags(base: bytes | None, words: Sequence[str], picture: str, name: str) -> bytes | None:
    """Put words into a sidecar.

    Into dc:subject, and into digiKam's and Lightroom's own properties where the sidecar has them, since these
    programs ask them first; a new one has all three. Whatever else is in it stays.

    Args:
        base: The sidecar without our tags; None: there is none.
        words: With '/' between the levels of a hierarchy.
        picture: The name of the picture's file.
        name: What errors call the sidecar.

    Returns:
        Its content; the very `base` when it has all of the words by itself.

    Raises:
        DataError: The sidecar is no XMP, or no list stands where keywords should, it gets too large, or a
            word cannot stand in XML.
    """
    require_xml(words, name)
    xmp = parse_xmp(_EMPTY.encode() if base is None else base, name)
    kinds = [kind for kind in KEYWORDS if base is None or kind == SUBJECT or xmp.properties(kind)]
    added = [add_words(xmp, kind, words, name) for kind in kinds]
    if not any(added):
        return base
    _sign(xmp, words, base, picture)
    content = xmp.content()
    content = content.replace(
        b"Written>" + _BLANK, b"Written>" + hashlib.sha256(content).hexdigest().encode()
    )
    if len(content) > MAX_BYTES:
        raise DataError(
            f"{name}: XMP must have at most {MAX_BYTES:,} bytes; with tags it has {len(content):,}"
        )
    return content


def require_xml(texts: Sequence[str], name: str) -> None:
    """Check that texts can stand in XML.

    Args:
        texts: Words, or parts of them.
        name: What an error calls the place where they should stand.

    Raises:
        DataError: One has a character that XML cannot hold.
    """
    for text in texts:
        if _NOT_XML.search(text):
            raise DataError(f"{name}: must be of characters that XML can hold; got {text!a:.100}")


def written_for(content: bytes, picture: str, name: str) -> bool:
    """Whether a sidecar holds our tags of a picture.

    Args:
        content: Of the sidecar.
        picture: The name of the picture's file.
        name: What errors call the sidecar.

    Raises:
        DataError: It says that we wrote it, but cannot be read.
    """
    if NAMESPACE.encode() not in content:
        return False
    return parse_xmp(content, name).values(_PICTURE) == [_spelt(picture)]


def _spelt(picture: str) -> str:
    """The name of a file in characters that XML can hold."""
    return quote(os.fsencode(picture), safe=" ")


def _is_intact(content: bytes) -> bool:
    """Whether the file is what we wrote."""
    return any(
        hashlib.sha256(content.replace(digest, _BLANK)).hexdigest().encode() == digest
        for digest in set(_DIGEST.findall(content)[:_MOST_DIGESTS])
    )


def _unpacked(xmp: Xmp, name: str) -> bytes | None:
    """What the file was before; it comes from the file, so its size is bounded."""
    texts = xmp.values(_BEFORE)
    if not texts:
        return None
    try:
        reader = zlib.decompressobj()
        content = reader.decompress(base64.b64decode(texts[0]), MAX_BYTES)
        whole = reader.eof
    except (binascii.Error, zlib.error, ValueError):
        whole = False
    if not whole:
        raise DataError(f"{name}: what it says that it was before must be readable; it is not")
    return content


def _strip(xmp: Xmp, before: Xmp | None) -> None:
    """Take out our words, but those that were there before, and our properties."""
    words = xmp.values(_WORDS)
    for kind in KEYWORDS:
        kept = set(before.values(kind)) if before is not None else set()
        ours = {spelt_for(word, kind) for word in words} - kept
        for found in xmp.properties(kind):
            gone = [item for item in items(found) if (item.text or "").strip() in ours]
            for item in gone:
                item.getparent().remove(item)
            if gone and not kept and not any(True for _ in items(found)):
                found.getparent().remove(found)
    for description in xmp.descriptions():
        for name in _OURS:
            description.attrib.pop(name, None)
            for found in list(description.iterchildren(name)):
                description.remove(found)
        if not len(description) and set(description.attrib) <= {ABOUT}:
            description.getparent().remove(description)


def _sign(xmp: Xmp, words: Sequence[str], base: bytes | None, picture: str) -> None:
    """Add our properties, in a description of their own."""
    first = xmp.descriptions()[0]
    place = append(xmp.rdf, DESCRIPTION, NAMESPACE)
    place.set(ABOUT, first.get(ABOUT) or "")
    append(place, _PICTURE).text = _spelt(picture)
    bag = append(append(place, _WORDS), BAG)
    for word in words:
        append(bag, ITEM).text = word
    if base is not None:
        append(place, _BEFORE).text = base64.b64encode(zlib.compress(base, 9)).decode()
    append(place, _WRITTEN).text = _BLANK.decode()
