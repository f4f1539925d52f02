"""Rows of an INDEX that several machines computed: a file for each share, and an index that takes them.

A table of LanceDB has one writer at a time, so the shares are plain Parquet files (`inference.share_files`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from emotionnet.data.shares import Share
from emotionnet.data.tables import write_pieces
from emotionnet.files import read_object, sha256
from emotionnet.inference.opening import Opening
from emotionnet.inference.share_files import ShareFile, how_made
from emotionnet.progress import message, track
from emotionnet.records import DataError, first_line
from emotionnet.search.layout import IndexInfo, picture_id, row_schema
from emotionnet.search.making import index_info
from emotionnet.search.rows import Rows, compute_rows
from emotionnet.search.scan import File, require_files, scan_pictures
from emotionnet.search.unreadable import Unreadable, checked_unreadable
from emotionnet.search.writer import ROWS_AT_ONCE

KIND = "rows"
SUFFIX = ".parquet"


@dataclass(frozen=True)
class Part:
    """The file of a share, how many pictures it holds, and a line for each file and name that is none."""

    path: Path
    pictures: int
    faults: tuple[str, ...]


class _Made(BaseModel):
    """What is told of a share: the number of its rows, and by path what was wrong with other files."""

    pictures: int
    unreadable: dict[str, Unreadable]


def index_share(
    model: Opening, names: Sequence[str | Path], out: Path, share: Share, *, overwrite: bool = False
) -> Part:
    """Write the rows of an index for a share of the pictures.

    Args:
        model: Its name is that of `making.model_name`.
        names: As for `build_index`.
        out: The folder of all shares.
        share: Which.
        overwrite: Replace a file that was made otherwise.

    Raises:
        DataError: No picture is found, the model cannot be opened, or the file may not be written.
    """
    scan = scan_pictures(names)
    require_files(scan)
    ours = set(share.of_pictures([file.path for file in scan.files.values()]))
    files = {path: file for path, file in scan.files.items() if file.path in ours}
    part = ShareFile(out, KIND, SUFFIX, share, how_made(model, [file.path for file in files.values()]))
    if told := part.earlier(_Made, overwrite=overwrite):
        return Part(part.path, told.pictures, (*scan.unknown, *_reasons(told.unreadable)))
    unreadable: dict[str, Unreadable] = {}
    found: dict[str, Any] = {}
    info = index_info(model)
    with closing(compute_rows(model.predictor, info, files)) as steps, part.written(found) as file:
        found["pictures"] = write_pieces(
            file, row_schema(info), _tables(steps, unreadable), rows=ROWS_AT_ONCE
        )
        found["unreadable"] = {path: one.model_dump() for path, one in unreadable.items()}
    return Part(part.path, found["pictures"], (*scan.unknown, *_reasons(unreadable)))


def _reasons(unreadable: Mapping[str, Unreadable]) -> list[str]:
    return [one.reason for one in unreadable.values()]


def _tables(steps: Iterable[Rows], unreadable: dict[str, Unreadable]) -> Iterator[pa.Table]:
    """The rows; what is wrong with other files goes to `unreadable`."""
    for rows in steps:
        unreadable |= rows.unreadable
        if rows.table is not None:
            yield rows.table


@dataclass(frozen=True)
class Finished:
    """A finished share: its file of rows, and of the files that could not be read what was wrong."""

    path: Path
    unreadable: Mapping[str, Unreadable]


def open_parts(folder: Path, model: Opening) -> list[Finished]:
    """Look at the shares in a folder; those that are missing or unfinished are named and left out.

    Raises:
        DataError: There is none, or one is of another model or does not tell what it should.
    """
    sides = sorted(folder.glob(f"{KIND}-*-of-*.json"))
    if not sides:
        raise DataError(f"{folder}: must hold shares, which 'emotionnet index --shard' writes; it holds none")
    shares = []
    for side in track(sides, "check parts"):
        told, path = read_object(side), side.with_suffix(SUFFIX)
        how = told.get("how")
        if not isinstance(how, dict) or how.get("model") != model.content:
            raise DataError(f"{side}: must be of the model {model.name}; another one made it")
        if path.is_file() and sha256(path) == told.get("sha256"):
            shares.append(Finished(path, checked_unreadable(side, told.get("unreadable"))))
    _tell_missing(folder, sides, len(shares))
    return shares


def rows_of_parts(parts: Sequence[Finished], info: IndexInfo, files: Mapping[str, File]) -> Iterator[Rows]:
    """What shares hold of those of some files that are still as they were.

    Args:
        parts: As `open_parts` gives them.
        info: Of the index that takes them.
        files: By path.

    Raises:
        DataError: A share is broken.
    """
    for part in track(parts, "parts"):
        yield Rows(None, _still(part.unreadable, files))
        yield from _rows(part.path, info, files)


def _tell_missing(folder: Path, sides: Sequence[Path], finished: int) -> None:
    ends = [side.stem.rpartition("-of-")[2] for side in sides]
    count = max(int(end) if end.isdecimal() else 0 for end in ends)
    if finished < count:
        message(f"{folder}: holds {finished} of {count} shards; what they lack is computed here")


def _still(unreadable: Mapping[str, Unreadable], files: Mapping[str, File]) -> dict[str, Unreadable]:
    return {path: one for path, one in unreadable.items() if path in files and one.still(files[path])}


def _rows(path: Path, info: IndexInfo, files: Mapping[str, File]) -> Iterator[Rows]:
    schema = row_schema(info)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE):
                table = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
                table.validate(full=True)
                _require_ids(table)
                kept = table.filter(pa.array(_is_as_it_was(table, files), pa.bool_()))
                if kept.num_rows:
                    yield Rows(kept, {})
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DataError(
            f"{path}: must hold the rows of an index of this model; {first_line(error)}"
        ) from None


def _require_ids(table: pa.Table) -> None:
    """An index finds its rows by them.

    Raises:
        ValueError: One is not that of its path, or stands there twice.
    """
    ids = table["id"].to_pylist()
    if ids != [picture_id(path) for path in table["path"].to_pylist()] or len(set(ids)) < len(ids):
        raise ValueError("each picture must stand there once, under its own id")


def _is_as_it_was(table: pa.Table, files: Mapping[str, File]) -> list[bool]:
    rows = zip(*(table[name].to_pylist() for name in ("path", "bytes", "modified_ns")), strict=True)
    return [
        (file := files.get(path)) is not None and (file.bytes, file.modified_ns) == (size, time)
        for path, size, time in rows
    ]
