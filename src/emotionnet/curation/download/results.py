"""What was fetched, as others read it: a table of records, or a DATASET."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from emotionnet.curation.download.ledger import Ledger
from emotionnet.curation.download.listing import KEPT
from emotionnet.curation.sources import DOWNLOADED
from emotionnet.data.folds import read_rejects
from emotionnet.data.store import FILES, MARKER, VOCABULARIES, read_dataset, write_dataset
from emotionnet.files import link_file, new_file
from emotionnet.records import SPLITS

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
    query = (
        f"SELECT row, record, {', '.join(f'urls.{name}' for name in _FOUND)} FROM records JOIN urls "
        "ON records.url = urls.id WHERE row > ? AND state IN ('stored', 'duplicate') ORDER BY row LIMIT ?"
    )
    with new_file(out / DOWNLOADED) as file, pq.ParquetWriter(file, _SCHEMA) as writer:
        last = 0
        while page := list(ledger.select(query, (last, _PAGE))):
            writer.write_table(pa.Table.from_pylist([_row(*row[1:]) for row in page], _SCHEMA))
            last = page[-1][0]


def _row(record: str, path: str, sha256: bytes, *found: Any) -> dict[str, Any]:
    named = json.loads(record)
    kept = {name: named.get(name) for name in ("id", *KEPT)}
    rest = dict(zip(_FOUND[2:], found, strict=True))
    return {**kept, "image": path, "sha256": sha256.hex(), **rest}


def write_fetched_dataset(ledger: Ledger, source: Path, out: Path) -> None:
    """Write a DATASET again, its pictures where they lie now; records without one are rejects.

    Raises:
        DataError: `source` is no DATASET any more, or a picture of its own cannot be linked or copied.
    """
    dataset = read_dataset(source)
    schema = dict.fromkeys(("id", "new_path", "new_sha256", "lost"), pl.String)
    found = pl.DataFrame(list(_by_record(ledger)), schema=schema, orient="row")
    tables, rejects = {}, [read_rejects(source / "rejects.parquet")]
    for split in SPLITS:
        table = dataset.table(split).join(found, on="id", how="left", maintain_order="left")
        rejects.append(table.filter(pl.col("lost") != "").select("id", reason="lost"))
        is_url = pl.col("path").str.contains("://", literal=True)
        here = table.filter(pl.when(is_url).then(pl.col("lost") == "").otherwise(True))
        for path in here.filter(~is_url)["path"]:
            if not (out / path).exists():
                link_file(source / path, out / path)
        tables[split] = here.with_columns(
            path=pl.coalesce("new_path", "path"), sha256=pl.coalesce("new_sha256", "sha256")
        )
    counts = pl.concat(tables.values()).group_by("source", "licence").len().sort("source", "licence")
    licences = [{"source": s, "licence": kind, "pictures": n} for s, kind, n in counts.iter_rows()]
    with _written_into(out) as beside:
        write_dataset(
            beside,
            info={**dataset.info, "licences": licences},
            words={name: getattr(dataset, name) for name in VOCABULARIES},
            tables=tables,
            rejects=pl.concat(rejects),
        )


@contextlib.contextmanager
def _written_into(out: Path) -> Iterator[Path]:
    """A folder to fill; its files move into `out` when all went well, the one that tells of them last."""
    beside = Path(tempfile.mkdtemp(dir=out, prefix=".dataset."))
    try:
        yield beside
        (out / MARKER).unlink(missing_ok=True)  # half of the old and half of the new are no DATASET
        for name in (*FILES, MARKER):
            (beside / name).replace(out / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _by_record(ledger: Ledger) -> Iterator[tuple[str, str | None, str | None, str]]:
    """Each record's id, its picture's path and SHA-256, and why there is none; empty where there is one."""
    query = "SELECT record, state, reason, path, sha256 FROM records JOIN urls ON records.url = urls.id"
    for record, state, reason, path, digest in ledger.select(query):
        is_here = state in ("stored", "duplicate")
        lost = "" if is_here else f"the download {state}: {reason}"
        yield json.loads(record)["id"], path, digest.hex() if is_here else None, lost
