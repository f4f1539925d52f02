"""Web records from tables: which pictures there are, and the tags that came with them.

A .jsonl, .csv or .parquet file, a folder of such files, or a folder of downloads, with the columns
    id (or cid)     what names the record; unique
    image (or url)  a path relative to the table's folder, or a URL
    tags            a list of strings; in a CSV one text, separated by '|', or by ',' in a
                    file without any '|' in this column
and, where known, group (pictures that belong together), source and licence; sha256 of the picture (64
hexadecimal digits) and in Parquet look (its PDQ hash, 32 bytes; null where it tells nothing), which spare
a look at the picture. Other columns are not read. The 2020 raw form, a file for each keyword with lines
like `{"cid": 1, "tags": ["happy^1.2"], "url": ...}`, is such a folder. A picture that was found for several
keywords stands in several files: the first record of an id counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.curation import source_tables
from emotionnet.curation.source_ids import NO_FILE, Ids, missing_ids, twice
from emotionnet.curation.source_tables import MOST_FAULTS
from emotionnet.data.finding import SUFFIXES
from emotionnet.data.looks import HASH_BYTES
from emotionnet.data.store import REJECTS_SCHEMA
from emotionnet.records import DataError

SOURCE_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "image": pl.String(),
        "tags": pl.List(pl.String()),
        "group": pl.String(),
        "source": pl.String(),
        "licence": pl.String(),
        "sha256": pl.String(),
        "look": pl.Binary(),
    }
)
REPEATS = "repeats"  # column of batches: the earlier file that has the id, or null
DOWNLOADED = "records.parquet"  # what `data download` writes into its folder
_ALIASES = {"cid": "id", "url": "image"}
_FILE_SCHEMA = pl.Schema(SOURCE_SCHEMA | {old: SOURCE_SCHEMA[new] for old, new in _ALIASES.items()})
_TEXT_SCHEMA = pl.Schema({name: kind for name, kind in _FILE_SCHEMA.items() if name != "look"})
_NEEDED = ("id", "image", "tags")
_WANTED = {"tags": "a list of strings", "look": f"{HASH_BYTES} bytes"}


@dataclass(frozen=True)
class Source:
    """Records in batches with the columns of `SOURCE_SCHEMA`; `image` is relative to `root`, or a URL.

    `batches` can be gone through more than once; where there are several files they have the column `REPEATS`
    too, see `without_repeats`. `rejects` (columns id, reason) are what could not even be listed.
    """

    name: str
    root: Path
    batches: Iterable[pl.DataFrame]
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTS_SCHEMA))

    @property
    def records(self) -> pl.DataFrame:
        """All of them at once."""
        return pl.concat(without_repeats(batch)[0] for batch in self.batches)


def without_repeats(batch: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The records of a batch whose id is in no earlier file, and of the others id and reason."""
    if REPEATS not in batch.columns:
        return batch, pl.DataFrame(schema=REJECTS_SCHEMA)
    repeats = batch.filter(pl.col(REPEATS).is_not_null())
    rejects = repeats.select("id", reason=pl.format("same id as a record of {}", REPEATS))
    return (batch.filter(pl.col(REPEATS).is_null()) if repeats.height else batch).drop(REPEATS), rejects


def has_tables(folder: Path) -> bool:
    """Whether a folder holds tables of records, or folders of downloads, and no picture beside them."""
    is_album = any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
    return not is_album and bool(_tables(folder))


def read_source(path: Path) -> Source:
    """Open a table of web records, or a folder of tables, read in the order of their names.

    The records are read batch by batch when they are asked for, and checked on the way.

    Raises:
        DataError: The file's type is unknown. While the batches are gone through: a file is broken,
            a column is missing or of another type, there is no record, or an id is missing or stands
            twice in a file; names file, row and column.
    """
    paths = _tables(path) if path.is_dir() else [path]
    if not paths or not all(
        file.suffix.lower() in source_tables.READERS and file.is_file() for file in paths
    ):
        known = ", ".join(source_tables.READERS)
        raise DataError(
            f"{path}: a source must be 'emoji', 'openclipart', a folder or a file that ends in one of {known}"
        )
    return Source(
        path.resolve().name if path.is_dir() else path.stem,
        path if path.is_dir() else path.parent,
        _CheckedTables(path, tuple(paths)),
    )


def _tables(folder: Path) -> list[Path]:
    """Its own files; where there are none, the records of downloads in it, one of each machine."""
    own = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in source_tables.READERS and path.is_file()
    )
    return own or sorted(path for path in folder.glob(f"*/{DOWNLOADED}") if path.is_file())


def _below(folder: Path, path: Path, table: pl.DataFrame) -> pl.DataFrame:
    """The records of a table with pictures relative to `folder`, which may lie above the table's own."""
    if path.parent in (folder, folder.parent):
        return table
    is_url = pl.col("image").str.contains("://", literal=True)
    inside = pl.lit(f"{path.parent.relative_to(folder).as_posix()}/") + pl.col("image")
    return table.with_columns(pl.when(is_url).then("image").otherwise(inside).alias("image"))


@dataclass(frozen=True)
class _CheckedTables:
    """The records of tables, in order, batch by batch; a walk ends with the faults of the ids."""

    given: Path
    paths: tuple[Path, ...]

    def __iter__(self) -> Iterator[pl.DataFrame]:
        ids = Ids(len(self.paths))
        faults: list[str] = []
        for path in self.paths:
            start = ids.height
            for table in _read(path):
                faults += missing_ids(path, ids.height - start, table["id"])
                files_N = ids.add(table["id"])
                placed = _below(self.given, path, table)
                yield placed.with_columns(self._names(files_N)) if len(self.paths) > 1 else placed
            repeated = ids.end_file()
            if len(repeated):
                faults += twice(path, (table["id"] for table in _read(path)), repeated)
            if len(faults) >= MOST_FAULTS:
                break
        if faults:
            raise DataError(faults[:MOST_FAULTS])
        if not ids.height:
            raise DataError(f"{self.given}: must hold at least one record; it is empty")

    def _names(self, files_N: npt.NDArray[np.int64]) -> pl.Series:
        """The column `REPEATS` of records, of which each has been in the file of this number before."""
        known = [path.relative_to(self.given).as_posix() for path in self.paths]
        numbers = pl.Series(REPEATS, files_N)
        return pl.Series(REPEATS, known).gather(numbers.set(numbers == NO_FILE, None))


def _read(path: Path) -> Iterator[pl.DataFrame]:
    """The batches of one table, our names for the columns, all there, in our types."""
    filled: set[str] = set()
    row = 0
    suffix = path.suffix.lower()
    schema = _FILE_SCHEMA if suffix == ".parquet" else _TEXT_SCHEMA
    for piece in source_tables.READERS[suffix](path, schema):
        table = _canonical(path, piece, row, any_row=suffix == ".jsonl")
        filled |= {name for name in _NEEDED if table[name].null_count() < table.height}
        row += table.height
        yield table
    if suffix == ".jsonl" and row:  # whose lines need not name a column at all
        _require_columns(path, filled)


def _require_columns(path: Path, present: Iterable[str]) -> None:
    missing = set(_NEEDED) - set(present)
    if missing:
        spelt = {new: f"{new} (or {old})" for old, new in _ALIASES.items()}
        names = ", ".join(spelt.get(name, name) for name in _NEEDED if name in missing)
        raise DataError(f"{path}: must have the columns id, image, tags; {names} missing")


def _canonical(path: Path, table: pl.DataFrame, start: int, *, any_row: bool) -> pl.DataFrame:
    """Our names for the columns, all there, in our types.

    Args:
        path: The file, for messages.
        table: A piece of it.
        start: The row of the file that the piece begins with, from 0, for messages.
        any_row: Whether each row chooses between a column and its other name, which are both there.
    """
    if any_row:
        table = table.with_columns(pl.coalesce(new, old).alias(new) for old, new in _ALIASES.items())
    renamed = {old: new for old, new in _ALIASES.items() if old in table.columns and new not in table.columns}
    table = table.rename(renamed)
    _require_columns(path, table.columns)
    faults = [
        f"{path}: column {name} must be {_WANTED.get(name, 'text')}; got {table.schema[name]}"
        for name in SOURCE_SCHEMA
        if name in table.columns and not _fits(name, table.schema[name])
    ]
    if faults:
        raise DataError(faults)
    optional = [
        pl.lit(None, kind).alias(name) for name, kind in SOURCE_SCHEMA.items() if name not in table.columns
    ]
    table = table.with_columns(optional).select(SOURCE_SCHEMA.names()).cast(SOURCE_SCHEMA)
    _check_hashes(path, table, start)
    return table.with_columns(pl.col("sha256").replace("", None))


def _fits(name: str, kind: pl.DataType) -> bool:
    if name == "tags":
        return isinstance(kind, pl.List) and kind.inner in (pl.String(), pl.Null())
    text = pl.Binary() if name == "look" else pl.String()
    return kind in (text, pl.Null()) or (name in ("id", "group") and kind.is_integer())


def _check_hashes(path: Path, table: pl.DataFrame, start: int) -> None:
    sha256, look = pl.col("sha256"), pl.col("look")
    fits = {
        "sha256": (sha256 == "") | sha256.str.contains(r"^[0-9a-f]{64}$"),
        "look": look.bin.size() == HASH_BYTES,
    }
    wanted = {"sha256": "64 digits from 0 to f", "look": f"{HASH_BYTES} bytes"}
    faults = [
        f"{path}: row {start + row + 1}: {name} must be {wanted[name]}; got {table[name][row]!r:.80}"
        for name, fit in fits.items()
        for row in table.select(~fit).to_series().fill_null(value=False).arg_true()[:MOST_FAULTS]
    ]
    if faults:
        raise DataError(faults[:MOST_FAULTS])
