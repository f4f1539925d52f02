"""Debian's openclipart: drawings by some 500 people, with the keywords that they gave them.

Two packages, openclipart-png and openclipart-svg, lay out one tree twice: `png/food/fruit/apple.png` is
`svg/food/fruit/apple.svg`, drawn. Title, author, keywords and licence stand in the SVG's RDF. Keywords
say what is shown and where it was filed: web tags, but of no emotion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

import polars as pl

from emotionnet.curation.sources import SOURCE_SCHEMA, Source
from emotionnet.data.store import REJECTS_SCHEMA
from emotionnet.files import sha256
from emotionnet.progress import track
from emotionnet.records import DataError

FOLDER = Path("/usr/share/openclipart")
PACKAGES = ("openclipart-png", "openclipart-svg")
MAX_BYTES = 32 * 2**20  # of an SVG that are read for its RDF
MAX_DEPTH = 200
_CHUNK = 2**16
_RDF, _DC, _CC = (
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://purl.org/dc/elements/1.1/",
    "http://web.resource.org/cc/",
)
_LICENCES = {"publicdomain": "public domain"}


@dataclass
class Described:
    """What the RDF of a drawing says of it; what it does not say is empty."""

    authors: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    licence: str = ""


def is_installed(folder: Path = FOLDER) -> bool:
    """Whether both packages are there."""
    return (folder / "png").is_dir() and (folder / "svg").is_dir()


def read_openclipart(folder: Path = FOLDER) -> Source:
    """List the drawings; one group for each author.

    A picture that lies in several folders is one record, with the keywords of all.

    Args:
        folder: Where `png` and `svg` lie.

    Returns:
        Records in the order of their paths; its rejects are drawings whose RDF cannot be read, or names
        nobody as the author.

    Raises:
        DataError: The packages are not installed, or hold no drawing.
    """
    if not is_installed(folder):
        raise DataError(
            f"{folder}: must hold the folders png and svg of openclipart; "
            f"'apt-get install {' '.join(PACKAGES)}' brings them"
        )
    rows: dict[str, dict[str, object]] = {}
    rejects = []
    drawings = sorted(path for path in (folder / "svg").rglob("*.svg") if path.is_file())
    for drawing in track(drawings, "Reading openclipart"):
        name = drawing.relative_to(folder / "svg").with_suffix("").as_posix()
        try:
            row = _row(name, describe_drawing(drawing))
        except DataError as error:
            rejects.append((name, str(error).replace(str(drawing), f"{name}.svg")))
            continue
        picture = folder / "png" / f"{name}.png"
        same = rows.setdefault(sha256(picture) if picture.is_file() else name, row)
        same["tags"] = list(dict.fromkeys([*_texts(same["tags"]), *_texts(row["tags"])]))
    if not rows:
        raise DataError(f"{folder}: must hold at least one drawing with an author; it holds none")
    return Source(
        "openclipart",
        folder / "png",
        [pl.DataFrame(list(rows.values()), schema=SOURCE_SCHEMA)],
        pl.DataFrame(rejects, schema=REJECTS_SCHEMA, orient="row"),
    )


def describe_drawing(path: Path) -> Described:
    """Read the first RDF of an SVG, and nothing after it.

    Drawings come from strangers: one that declares entities is refused before any is expanded, nothing
    outside the file is read, and size and depth are bounded.

    Raises:
        DataError: It is no XML, declares entities, is too large or too deep, or cannot be read.
    """
    reader = _Reader(path)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.EntityDeclHandler = reader.refuse_entities
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        for chunk in _chunks(path):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except _Enough:
        pass
    except expat.ExpatError as error:
        raise DataError(f"{path}: must be XML; {error}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    return reader.found


class _Enough(Exception):  # noqa: N818 (no error: the RDF has ended)
    pass


class _Reader:
    """Collects authors, keywords and licence while a file goes by."""

    def __init__(self, path: Path) -> None:
        self.path, self.found = path, Described()
        self._open: list[str] = []
        self._text: list[str] = []

    def refuse_entities(self, name: str, *_: object) -> NoReturn:
        raise DataError(f"{self.path}: must declare no entity; declares {name!r:.40}")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise DataError(f"{self.path}: elements must lie at most {MAX_DEPTH} deep; they lie deeper")
        self._open.append(name)
        self._text = []
        if name == f"{_CC} license" and not self.found.licence:
            self.found.licence = attributes.get(f"{_RDF} resource", "")

    def end(self, name: str) -> None:
        self._open.pop()
        text = " ".join("".join(self._text).split())
        self._text = []
        if text and f"{_DC} creator" in self._open and name == f"{_DC} title":
            self.found.authors.append(text)
        if text and f"{_DC} subject" in self._open and name == f"{_RDF} li":
            self.found.keywords.append(text)
        if name == f"{_RDF} RDF":
            raise _Enough

    def text(self, text: str) -> None:
        if self._open and self._open[-1] in (f"{_DC} title", f"{_RDF} li"):
            self._text.append(text)


def _chunks(path: Path) -> Iterator[bytes]:
    left = MAX_BYTES
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise DataError(f"{path}: RDF must end within {MAX_BYTES:,} bytes; it does not")
            yield chunk


def _row(name: str, said: Described) -> dict[str, object]:
    authors = " ".join(said.authors).casefold()
    if not authors:
        raise DataError(f"{name}.svg: must name its author; names none")
    licence = re.sub(r".*/cc/|.*/licenses/", "", said.licence).strip("/")
    return {
        "id": name,
        "image": f"{name}.png",
        "tags": said.keywords,
        "group": authors,
        "source": "openclipart",
        "licence": _LICENCES.get(licence.lower(), licence) or None,
    }


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)  # `_row` made it
    return value
