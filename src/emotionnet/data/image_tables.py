"""A table of pictures and labels: CSV, JSON-lines or Parquet, its columns known by the names in use.

Paths are relative to the table's folder. A `metadata.csv` beside pictures, as the Hugging Face hub has it, is
such a table.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotionnet.data.benchmarks.benchmark import ALL, picture
from emotionnet.data.listing import SPLIT_NAMES, Listing, split_named
from emotionnet.data.row_checks import MAX_TEXT, RowError, require_path, shown
from emotionnet.data.tables import read_parquet
from emotionnet.records import DataError, ImageRecord, is_name

FORM = "table"
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
# The names of a table beside pictures, in a folder that is given in its place.
STEMS = ("metadata", "labels", "annotations", "images", "data")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "image": ("image", "path", "file", "filename", "file_name", "image_path"),
    "label": ("label", "labels", "emotion", "emotions", "class", "category"),
    "split": ("split",),
    "group": ("group",),
    "tags": ("tags",),
    "id": ("id",),
}
DIMENSIONS = ("valence", "arousal", "dominance")
_MOST_FAULTS = 10


def read_table(path: Path, name: str = "") -> Listing:
    """List the pictures of a table, in its order.

    Labels and tags are one text, several separated by ';', or a list; labels are put in the order of their
    names. Pictures whose row names no group are their own group; several rows of one picture share it.

    Args:
        path: The file.
        name: What the data set is called; empty: by the file, or the folder where the file has a usual name.

    Raises:
        DataError: The table cannot be read, columns are missing, or rows are broken: one line for each, up
            to ten.
    """
    rows = list(_rows(path))
    columns, dimensions = _columns(path, rows[0][1].keys() if rows else ())
    read = [_checked(path, where, row, columns, dimensions) for where, row in rows]
    faults = [one for one in read if isinstance(one, str)]
    if faults or not read:
        raise DataError(faults[:_MOST_FAULTS] or f"{path}: must hold at least one row; it is empty")
    entries = [one for one in read if isinstance(one, _Entry)]
    labels, tags = _names(entry.labels for entry in entries), _names(entry.tags for entry in entries)
    name = name or (path.stem if path.stem not in STEMS else path.resolve().parent.name)
    seen: Counter[str] = Counter()
    records: dict[str, list[ImageRecord]] = {}
    for entry in entries:
        seen[entry.path] += 1
        twin = f"#{seen[entry.path]}" if seen[entry.path] > 1 else ""
        record = _record(name, entry, labels, tags, entry.id or f"{entry.path}{twin}")
        records.setdefault(entry.split, []).append(record)
    if ALL in records and len(records) > 1:
        raise DataError(f"{path}: every row must name its split, or none; {len(records[ALL])} name none")
    return Listing(
        path.parent,
        name,
        FORM,
        tuple(labels),
        {split: tuple(rows) for split, rows in records.items()},
        tags=tuple(tags),
        dimensions=dimensions,
    )


@dataclass(frozen=True)
class _Entry:
    """One row, checked."""

    path: str
    labels: tuple[str, ...]
    split: str
    group: str
    tags: tuple[str, ...]
    id: str
    dimensions: tuple[float, ...]


def _record(
    source: str, entry: _Entry, labels: Mapping[str, int], tags: Mapping[str, int], own_id: str
) -> ImageRecord:
    return picture(
        source,
        entry.path,
        tuple(labels[label] for label in entry.labels),
        id=own_id,
        group=entry.group or entry.path,
        tags=tuple(tags[tag] for tag in entry.tags),
        dimensions=entry.dimensions,
    )


def _names(lists: Iterator[tuple[str, ...]] | Any) -> dict[str, int]:
    """Each name's index; numbers in the order of numbers."""
    names = {name for found in lists for name in found}
    by_number = all(name.isdecimal() for name in names)
    ordered = sorted(names, key=(lambda name: (int(name), name)) if by_number else None)
    return {name: index for index, name in enumerate(ordered)}


def _columns(path: Path, found: Any) -> tuple[dict[str, str], tuple[str, ...]]:
    """The table's name for each of our columns that it has, and the dimensions among its columns.

    Raises:
        DataError: One is there twice, or there is none for pictures, or none for labels.
    """
    by_lower: dict[str, list[str]] = {}
    for name in found:
        by_lower.setdefault(str(name).strip().lower(), []).append(name)
    columns: dict[str, str] = {}
    faults = []
    aliases = {**COLUMNS, **{name: (name,) for name in DIMENSIONS}}
    for ours, names in aliases.items():
        theirs = [one for name in names for one in by_lower.get(name, ())]
        if len(theirs) > 1:
            faults.append(f"{path}: one column must be the {ours}; {', '.join(theirs)} are there")
        elif theirs:
            columns[ours] = theirs[0]
    dimensions = tuple(name for name in DIMENSIONS if name in columns)
    wanted = ["image"] if dimensions else ["image", "label"]
    faults += [
        f"{path}: a column must be the {ours} ({', '.join(COLUMNS[ours])}); got {_listed(found)}"
        for ours in wanted
        if found and not any(name in by_lower for name in COLUMNS[ours])
    ]
    if faults:
        raise DataError(faults)
    return columns, dimensions


def _listed(found: Any) -> str:
    return ", ".join(str(name)[:40] for name in list(found)[:20])


def _checked(
    path: Path, where: str, row: Mapping[str, Any], columns: Mapping[str, str], dimensions: Sequence[str]
) -> _Entry | str:
    """A row as an entry, or what is wrong with it."""
    cells = {ours: row.get(theirs) for ours, theirs in columns.items()}
    try:
        return _Entry(
            path=_path(cells["image"], path.parent),
            labels=_several("label", cells.get("label")),
            split=_split(cells.get("split")),
            group=_text("group", cells.get("group")),
            tags=_several("tags", cells.get("tags")),
            id=_text("id", cells.get("id")),
            dimensions=_numbers(dimensions, cells),
        )
    except RowError as error:
        return f"{path}: {where}: {error}"


def _path(value: Any, folder: Path) -> str:
    if not is_name(value):
        raise RowError(f"image must be a path; got {shown(value)}")
    text = value
    if Path(text).is_absolute():
        for base in (folder.absolute(), folder.resolve()):
            if Path(text).is_relative_to(base):
                text = Path(text).relative_to(base).as_posix()
    require_path(text)
    return "/".join(part for part in text.replace("\\", "/").split("/") if part not in ("", "."))


def _split(value: Any) -> str:
    text = _text("split", value)
    split = split_named(text)
    if text and split is None:
        known = ", ".join(name for names in SPLIT_NAMES.values() for name in names)
        raise RowError(f"split must be one of {known}; got {shown(value)}")
    return split or ALL


def _several(column: str, value: Any) -> tuple[str, ...]:
    items = value.split(";") if isinstance(value, str) else value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(name for item in items if (name := _text(column, item))))


def _text(column: str, value: Any) -> str:
    """A cell as text without spaces around it; empty where there is nothing."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of numbers with gaps
    if isinstance(value, int):
        return shown(value)
    if not is_name(value) or len(value) > MAX_TEXT or "\0" in value:
        raise RowError(f"{column} must be a text of at most {MAX_TEXT} characters; got {shown(value)}")
    return str(value).strip()


def _numbers(names: Sequence[str], cells: Mapping[str, Any]) -> tuple[float, ...]:
    """The dimensions of a row, NaN where one is not given; none where none is."""
    values = tuple(_number(name, cells.get(name)) for name in names)
    return () if all(math.isnan(value) for value in values) else values


def _number(column: str, value: Any) -> float:
    if value is None or (isinstance(value, str) and not value.strip()):
        return math.nan
    try:
        number = float(value) if isinstance(value, (str, int, float)) else math.inf
    except (ValueError, OverflowError):
        number = math.inf
    if math.isinf(number):
        raise RowError(f"{column} must be a finite number; got {shown(value)}")
    return number


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each row with what a message calls it.

    Raises:
        DataError: The file is missing or broken, or of a form that is not known.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: a table must be a file with the ending {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise DataError(f"{path}: file not found")
    yield from reader(path)


def _parquet_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, row in enumerate(read_parquet(path).iter_rows(named=True), start=1):
        yield f"row {number}", row


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: must be text in UTF-8; {error.reason} at byte {error.start}") from None


def _csv_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rows of a CSV file; its first line tells whether commas, semicolons or tabs separate the columns."""
    text = _text_of(path)
    head, _, _ = text.partition("\n")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",\t;", key=head.count), strict=True)
    try:
        for row in reader:
            if None in row:
                raise DataError(
                    f"{path}: line {reader.line_num}: must have {len(reader.fieldnames or ())} columns"
                )
            yield f"line {reader.line_num}", row
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: must be CSV; {error}") from None


def _json_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(_text_of(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: line {number}: must be JSON; {error}") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}: line {number}: must be a JSON object; got {shown(row)}")
        yield f"line {number}", row


_READERS: Mapping[str, Callable[[Path], Iterator[tuple[str, Mapping[str, Any]]]]] = {
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".jsonl": _json_rows,
    ".ndjson": _json_rows,
    ".parquet": _parquet_rows,
}
