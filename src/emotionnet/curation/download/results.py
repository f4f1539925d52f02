"""What was fetched, as `data curate` reads it: a table of records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from emotionnet.curation.download.ledger import Ledger
from emotionnet.curation.download.listing import KEPT
from emotionnet.curation.sources import DOWNLOADED
from emotionnet.data.tables import write_pieces
from emotionnet.files import new_file

_PAGE = 50_000
_FOUND = ("path", "sha256", "look", "url", "width", "height", "bytes", "type")
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("image", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("group", pa.string()),
        ("source", pa.string()),
        ("licence", pa.string()),
        ("sha256", pa.string()),
        ("look", pa.binary()),
        ("url", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("bytes", pa.int64()),
        ("type", pa.string()),
    ]
)


def write_records(ledger: Ledger, out: Path) -> None:
    """Write the records whose picture came, in the order of the list, as a table that `data curate` reads."""
    with new_file(out / DOWNLOADED) as file:
        write_pieces(file, _SCHEMA, _pages(ledger), rows=_PAGE)


def _pages(ledger: Ledger) -> Iterator[pa.Table]:
    query = (
        f"SELECT row, record, {', '.join(f'urls.{name}' for name in _FOUND)} FROM records JOIN urls "
        "ON records.url = urls.id WHERE row > ? AND state IN ('stored', 'duplicate') ORDER BY row LIMIT ?"
    )
    last = 0
    while page := list(ledger.select(query, (last, _PAGE))):
        yield pa.Table.from_pylist([_row(*row[1:]) for row in page], _SCHEMA)
        last = page[-1][0]


def _row(record: str, path: str, sha256: bytes, *found: Any) -> dict[str, Any]:
    named = json.loads(record)
    kept = {name: named.get(name) for name in ("id", *KEPT)}
    rest = dict(zip(_FOUND[2:], found, strict=True))
    return {**kept, "image": path, "sha256": sha256.hex(), **rest}
