"""Tables of web records, a piece at a time: JSON lines, CSV and Parquet.

A table may be larger than memory. Whoever reads it to the end has met every fault in it; a faulty JSON file
is read once more, slowly, to say where.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import polars as pl

from emotionnet.data.tables import parquet_pieces
from emotionnet.records import DataError, first_line

PIECE_ROWS = 2**18
PIECE_BYTES = 32 * 2**20  # of JSON lines; no line may be longer
MOST_FAULTS = 10
_BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def read_jsonl(path: Path, schema: pl.Schema) -> Iterator[pl.DataFrame]:
    """The objects of a JSON-lines file, of each the keys in `schema`; a key that is missing is null.

    Raises:
        DataError: The file cannot be read, a line is no object or too long, or a value is of another type.
    """
    for piece in _whole_lines(path):
        try:
            yield pl.read_ndjson(piece, schema=schema)
        except _BROKEN as error:
            faults = list(islice(_jsonl_faults(path), MOST_FAULTS))
            raise DataError(faults or f"{path}: must be JSON lines; {first_line(error)}") from None


def read_csv(path: Path, schema: pl.Schema) -> Iterator[pl.DataFrame]:
    """The rows of a CSV table, of the columns in `schema` those that it has.

    All are text, but tags are lists, split at '|' or at ','.

    Raises:
        DataError: The file cannot be read or is no table.
    """
    try:
        whole = pl.scan_csv(path, infer_schema=False, glob=False)
        table = whole.select(name for name in whole.collect_schema() if name in schema)
        empty = table.collect_schema().to_frame()
        separator = _separator(table) if "tags" in empty.columns else ""
        yield _split_tags(empty, separator)
        for piece in table.collect_batches(chunk_size=PIECE_ROWS, maintain_order=True):
            yield _split_tags(piece, separator)
    except _BROKEN as error:
        raise DataError(f"{path}: must be a CSV table; {first_line(error)}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def read_parquet(path: Path, schema: pl.Schema) -> Iterator[pl.DataFrame]:
    """The rows of a Parquet file, of the columns in `schema` those that it has.

    Raises:
        DataError: The file is missing or broken.
    """
    yield from parquet_pieces(path, columns=schema.names(), rows=PIECE_ROWS)


READERS: Mapping[str, Callable[[Path, pl.Schema], Iterator[pl.DataFrame]]] = {
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".parquet": read_parquet,
}


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The content in pieces that end where a line ends, without a byte order mark; at least one, if empty."""
    try:
        with path.open("rb") as file:
            piece = file.read(PIECE_BYTES).removeprefix(codecs.BOM_UTF8)
            while read := file.read(PIECE_BYTES):
                end = piece.rfind(b"\n") + 1
                if not end:
                    raise DataError(f"{path}: a line must have at most {PIECE_BYTES:,} bytes; one has more")
                yield piece[:end]
                piece = piece[end:] + read
            yield piece
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _jsonl_faults(path: Path) -> Iterator[str]:
    """Read again, slowly, to say where the fault is."""
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line) if line.strip() else {}
            except (ValueError, RecursionError) as error:
                yield f"{path}:{number}: must be a JSON object; {error}"
                continue
            if not isinstance(row, dict):
                yield f"{path}:{number}: must be a JSON object; got {type(row).__name__}"
            elif not isinstance(row.get("tags", []), list | None):
                yield f"{path}:{number}: tags must be a list of strings; got {type(row['tags']).__name__}"


def _separator(table: pl.LazyFrame) -> str:
    """What stands between tags: '|' where any row has one, else ','."""
    bars = table.select(pl.col("tags").str.contains("|", literal=True).any())
    return "|" if bars.collect(engine="streaming").item() else ","


def _split_tags(piece: pl.DataFrame, separator: str) -> pl.DataFrame:
    return piece.with_columns(pl.col("tags").str.split(separator)) if separator else piece
