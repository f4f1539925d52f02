"""Web records from a table: which pictures there are, and the tags that came with them.

A .jsonl, .csv or .parquet file with the columns
    id (or cid)     what names the record; unique
    image (or url)  a path relative to the table's folder, or a URL
    tags            a list of strings; in a CSV one text, separated by '|', or by ',' in a
                    file without any '|' in this column
and, where known, group (pictures that belong together), source and licence. Other columns
are not read. The 2020 raw form, `{"cid": 1, "tags": ["happy^1.2"], "url": ...}`, is such a table.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import polars as pl

from emotionnet.data.tables import read_parquet
from emotionnet.records import DataError, first_line

SOURCE_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "image": pl.String(),
        "tags": pl.List(pl.String()),
        "group": pl.String(),
        "source": pl.String(),
        "licence": pl.String(),
    }
)
REJECTS_SCHEMA = pl.Schema({"id": pl.String(), "reason": pl.String()})
_ALIASES = {"cid": "id", "url": "image"}
_NEEDED = ("id", "image", "tags")
_MOST_FAULTS = 10


@dataclass(frozen=True)
class Source:
    """Records with the columns of `SOURCE_SCHEMA`; `image` is relative to `root`, or a URL.

    `rejects` (columns id, reason) are what could not even be listed.
    """

    name: str
    root: Path
    records: pl.DataFrame
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTS_SCHEMA))


def read_source(path: Path) -> Source:
    """Read a table of web records, in file order.

    Raises:
        DataError: The file's type is unknown, it is broken or empty, a column is missing or of
            another type, or an id is missing or stands twice; names file, row and column.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None or not path.is_file():
        known = ", ".join(_READERS)
        raise DataError(
            f"{path}: a source must be 'emoji', 'openclipart', a folder or a file that ends in one of {known}"
        )
    table = _canonical(path, reader(path))
    if not table.height:
        raise DataError(f"{path}: must hold at least one record; it is empty")
    _check_ids(path, table["id"])
    return Source(path.stem, path.parent, table)


def _canonical(path: Path, table: pl.DataFrame) -> pl.DataFrame:
    """Our names for the columns, all there, in our types."""
    renamed = {old: new for old, new in _ALIASES.items() if old in table.columns and new not in table.columns}
    table = table.rename(renamed)
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        spelt = {new: f"{new} (or {old})" for old, new in _ALIASES.items()}
        names = ", ".join(spelt.get(name, name) for name in missing)
        raise DataError(f"{path}: must have the columns id, image, tags; {names} missing")
    faults = [
        f"{path}: column {name} must be {_wanted(name)}; got {table.schema[name]}"
        for name in SOURCE_SCHEMA
        if name in table.columns and not _fits(name, table.schema[name])
    ]
    if faults:
        raise DataError(faults)
    optional = [
        pl.lit(None, kind).alias(name) for name, kind in SOURCE_SCHEMA.items() if name not in table.columns
    ]
    return table.with_columns(optional).select(SOURCE_SCHEMA.names()).cast(SOURCE_SCHEMA)


def _wanted(name: str) -> str:
    return "a list of strings" if name == "tags" else "text"


def _fits(name: str, kind: pl.DataType) -> bool:
    if name == "tags":
        return isinstance(kind, pl.List) and kind.inner in (pl.String(), pl.Null())
    return kind == pl.String() or kind == pl.Null() or (name in ("id", "group") and kind.is_integer())


def _check_ids(path: Path, ids: pl.Series) -> None:
    rows = pl.DataFrame({"id": ids}).with_row_index("row", offset=1)
    empty = rows.filter(pl.col("id").is_null() | (pl.col("id").str.strip_chars() == ""))
    faults = [f"{path}: row {row}: id must be given; it is empty" for row in empty["row"]]
    first = pl.col("row").first().over("id").alias("first")
    twice = rows.drop_nulls("id").with_columns(first).filter(pl.col("row") != pl.col("first"))
    faults += [
        f"{path}: row {row}: every id must stand once; {name!r} stands in row {earlier} too"
        for row, name, earlier in twice.select("row", "id", "first").iter_rows()
    ]
    if faults:
        raise DataError(faults[:_MOST_FAULTS])


def _read_jsonl(path: Path) -> pl.DataFrame:
    names = [*SOURCE_SCHEMA.names(), *_ALIASES]
    schema = {name: SOURCE_SCHEMA[_ALIASES.get(name, name)] for name in names}
    try:
        table = pl.read_ndjson(_content(path), schema=schema)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        faults = list(islice(_jsonl_faults(path), _MOST_FAULTS))
        raise DataError(faults or f"{path}: must be JSON lines; {first_line(error)}") from None
    absent = [name for name in names if table[name].null_count() == table.height and table.height]
    return table.drop(absent)


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


def _read_csv(path: Path) -> pl.DataFrame:
    try:
        table = pl.read_csv(_content(path), infer_schema=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataError(f"{path}: must be a CSV table; {first_line(error)}") from None
    if "tags" not in table.columns:
        return table
    separator = "|" if table["tags"].str.contains("|", literal=True).any() else ","
    return table.with_columns(pl.col("tags").str.split(separator))


def _content(path: Path) -> bytes:
    """Content rather than a path, which Polars would take for a pattern; without a byte order mark."""
    try:
        return path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


_READERS: Mapping[str, Callable[[Path], pl.DataFrame]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": read_parquet,
}
