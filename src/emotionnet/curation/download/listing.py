"""A list of URLs, or a DATASET with some, into the ledger: each record once, each URL once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from emotionnet.curation.download.ledger import Ledger, Listed
from emotionnet.curation.download.lost import Lost
from emotionnet.curation.download.places import place_of, share_takes
from emotionnet.curation.sources import read_source, without_repeats
from emotionnet.data.shards.making import in_words
from emotionnet.data.shares import Share
from emotionnet.data.store import MARKER, read_dataset
from emotionnet.files import sha256
from emotionnet.progress import message
from emotionnet.records import SPLITS

KEPT = ("tags", "group", "source", "licence")  # of a record, besides its id and its picture
SEEN, LISTED = "seen", "listed"
_EVERY = 20_000  # records between two commits


def is_dataset(source: Path) -> bool:
    """Whether what is to be fetched are the pictures of a DATASET."""
    return (source / MARKER).is_file()


def fingerprint(source: Path) -> str:
    """What tells a list from any other: SHA-256 of its content."""
    if is_dataset(source):
        return read_dataset(source).content_hash
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    told = [f"{path.relative_to(source)} {sha256(path)}" for path in files]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def list_into(ledger: Ledger, source: Path, share: Share | None) -> None:
    """Read a list into the ledger, from where an earlier run was killed on.

    Args:
        ledger: Takes the records.
        source: A table of web records, a folder of such tables, or a DATASET.
        share: Only the hosts of this share; None: all.

    Raises:
        DataError: As `read_source` or `read_dataset`.
    """
    about = ledger.about()
    if LISTED in about:
        return
    message(f"Reading the URLs of {source}")
    passed, seen = int(about.get(SEEN, 0)), 0
    for table in _dataset_tables(source) if is_dataset(source) else _source_tables(source):
        for start in range(0, table.height, _EVERY):
            rows = table.slice(start, _EVERY)
            seen += rows.height
            if seen > passed:
                ledger.add(_of_share(rows, share), seen=seen)
    ledger.say({LISTED: str(seen)})


def _source_tables(source: Path) -> Iterator[pl.DataFrame]:
    opened = read_source(source)
    for table in opened.batches:
        records, _ = without_repeats(table)
        yield records.with_columns(pl.col("source").fill_null(opened.name)).select("id", "image", *KEPT)


def _dataset_tables(source: Path) -> Iterator[pl.DataFrame]:
    dataset = read_dataset(source)
    for split in SPLITS:
        urls = [record for record in dataset.checked_records(split) if "://" in record.path]
        rows = [(split, record.path, json.dumps(in_words(dataset, record))) for record in urls]
        yield pl.DataFrame(rows, schema=dict.fromkeys(("split", "image", "record"), pl.String), orient="row")


def _of_share(rows: pl.DataFrame, share: Share | None) -> list[Listed]:
    return list(_listed(rows.iter_rows(named=True), share))


def _listed(rows: Iterable[dict[str, object]], share: Share | None) -> Iterator[Listed]:
    for row in rows:
        url, split, record = (str(row.get(name) or "").strip() for name in ("image", "split", "record"))
        record = record or json.dumps({name: row[name] for name in ("id", *KEPT)}, ensure_ascii=False)
        try:
            place = place_of(url)
        except Lost as lost:
            found, host = Listed(record, url, "", lost.state, lost.reason, split=split), ""
        else:
            found, host = Listed(record, url, place.queue, split=split), place.host
        if share is None or share_takes(share, host):
            yield found
