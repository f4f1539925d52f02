"""Results as one HTML file to keep or to send: thumbnails inside, no script, nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from emotionnet.evaluation.rendering import environment
from emotionnet.files import write_text
from emotionnet.inference.results import Score, domain_note
from emotionnet.records import DataError, as_text
from emotionnet.search.searcher import Hit, Results
from emotionnet.search.store import Index

LEAST = 0.05  # probability of an emotion that is worth a place below a picture
SUFFIXES = (".html", ".htm")


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture of the sheet; `thumbnail` is a data URI, empty where the index has none."""

    name: str
    path: str
    thumbnail: str
    emotions: tuple[Score, ...]
    outside: bool
    duplicates: tuple[str, ...]


def require_sheet(path: Path) -> None:
    """Check that a contact sheet may be written at `path`: nothing but another page is ever replaced.

    Raises:
        DataError: It has another ending, or is a folder.
    """
    if path.suffix.lower() not in SUFFIXES or path.is_dir():
        raise DataError(f"{path}: a contact sheet must be a file whose name ends in .html")


def write_sheet(results: Results, index: Index, path: Path) -> None:
    """Write a contact sheet.

    Args:
        results: What was found in `index`.
        index: Where the thumbnails are.
        path: The file; an earlier one is replaced.

    Raises:
        DataError: As `require_sheet`, or it cannot be written.
    """
    require_sheet(path)
    page = environment("emotionnet.search", html=True).get_template("sheet.html.j2")
    tiles = list(_tiles(results, index))
    text = page.render(
        query=as_text(str(results.query)),
        tiles=tiles,
        total=len(index),
        notes=[as_text(note) for note in results.notes],
        model=PurePath(index.info.model).name,
        trained_on=index.info.trained_on,
        unlike=domain_note(index.info.trained_on) if any(tile.outside for tile in tiles) else "",
    )
    try:
        write_text(path, text)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None


def _tiles(results: Results, index: Index) -> Iterator[Tile]:
    names = [hit.picture.id for hit in results.hits]
    thumbnails = index.table(["thumbnail"], ids=names)["thumbnail"].to_pylist() if names else []
    for hit, content in zip(results.hits, thumbnails, strict=True):
        yield _tile(hit, content or b"")


def _tile(hit: Hit, content: bytes) -> Tile:
    uri = f"data:image/jpeg;base64,{base64.b64encode(content).decode()}" if content else ""
    picture = hit.picture
    return Tile(
        name=PurePath(picture.path).name,
        path=picture.path,
        thumbnail=uri,
        emotions=tuple(score for score in hit.emotions if score.value >= LEAST) or hit.emotions[:1],
        outside=bool(picture.outside),
        duplicates=hit.duplicates,
    )
