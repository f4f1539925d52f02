"""Web records from a folder: pictures that carry keywords, as stock photographs and archives do.

A record's id is the picture's path below the folder; its tags are the keywords of embedded XMP, IPTC and XMP
sidecars (`data/keywords.py`).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from emotionnet.curation.source_tables import READERS
from emotionnet.curation.sources import SOURCE_SCHEMA, Source
from emotionnet.data.finding import SUFFIXES, find_images
from emotionnet.data.keywords import Keywords, read_keywords
from emotionnet.data.sidecars import Sidecars
from emotionnet.data.store import REJECTS_SCHEMA
from emotionnet.progress import track
from emotionnet.records import DataError, as_text, is_name

NO_KEYWORDS = "carries no keywords (XMP dc:subject, IPTC, sidecar)"


def read_keyword_pictures(folder: Path) -> Source:
    """List the pictures below a folder, in order of their paths.

    Raises:
        DataError: No picture there carries a keyword.
    """
    pictures, _ = find_images([folder])
    sidecars = Sidecars()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = pool.map(lambda picture: _read(picture, sidecars), pictures)
        said = list(track(found, "Reading keywords", len(pictures)))
    rows, rejects = [], []
    name = as_text(folder.resolve().name) or "pictures"
    for picture, read in zip(pictures, said, strict=True):
        path = picture.relative_to(folder).as_posix()
        fault = _fault(path, read)
        if isinstance(read, Keywords) and not fault:
            rows.append(
                {
                    "id": path,
                    "image": path,
                    "tags": list(read.keywords),
                    "source": name,
                    "licence": read.licence or None,
                }
            )
        else:
            rejects.append((as_text(path), as_text(fault.replace(f"{folder}{os.sep}", ""))))
    if not rows:
        beside = any(path.suffix.lower() in READERS for path in folder.iterdir())
        hint = " (a table beside pictures is only read when it is named itself)" if beside else ""
        raise DataError(
            f"{folder}: must hold pictures ({', '.join(SUFFIXES)}) that carry keywords; "
            f"none of {len(pictures):,} does{hint}"
        )
    return Source(
        name,
        folder,
        [pl.DataFrame(rows, schema=SOURCE_SCHEMA)],
        pl.DataFrame(rejects, schema=REJECTS_SCHEMA, orient="row"),
    )


def _read(picture: Path, sidecars: Sidecars) -> Keywords | str:
    """What the picture carries, or why that cannot be read."""
    try:
        return read_keywords(picture, sidecars)
    except DataError as error:
        return "; ".join(error.faults)
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _fault(path: str, read: Keywords | str) -> str:
    if isinstance(read, str):
        return read
    if not is_name(path):
        return "its name must be UTF-8"
    return "" if read.keywords else NO_KEYWORDS
