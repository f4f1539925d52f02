"""EMOTIC converted to tables: one row for each person, lists written as Python does."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from pathlib import Path

from emotionnet.data.benchmarks.emotic_person import person
from emotionnet.data.benchmarks.lists import joined
from emotionnet.data.benchmarks.text_tables import Faults, rows
from emotionnet.data.row_checks import RowError, shown
from emotionnet.records import ImageRecord

COLUMNS = ("Folder", "Filename", "Image Size", "BBox", "Categorical_Labels", "Continuous_Labels")
_MAX_LIST = 4096


def read_table(path: Path, folder: str) -> tuple[ImageRecord, ...]:
    """A record for each row, in the file's order; in val and test the lists are already the combined ones.

    Args:
        path: The file; `Image Size` is width and height.
        folder: What stands before the folders of the file: `emotic` or nothing.

    Raises:
        DataError: A column is missing, or a row is not what it must be.
    """
    faults, records = Faults(), list[ImageRecord]()
    for where, row in rows(path, faults, delimiter=",", needs=COLUMNS):
        with faults.at(where):
            place = joined(folder, row["Folder"], row["Filename"])
            size, box = _numbers(row, "Image Size", 2), _numbers(row, "BBox", 4)
            dimensions = _numbers(row, "Continuous_Labels", 3)
            records.append(person(place, size, box, _names(row, "Categorical_Labels"), dimensions))
    faults.raise_any()
    return tuple(records)


def _names(row: Mapping[str, str], column: str) -> list[str]:
    text = row[column]
    found: object = None
    if len(text) <= _MAX_LIST:
        try:
            found = ast.literal_eval(text)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            found = None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise RowError(f"{column} must be a list of names such as ['Peace']; got {shown(text)}")
    return found


def _numbers(row: Mapping[str, str], column: str, count: int) -> list[float]:
    """Numbers in brackets, NaN included, which is no literal of Python."""
    text = row[column]
    try:
        if not (text.startswith("[") and text.endswith("]")) or len(text) > _MAX_LIST:
            raise ValueError
        found = [float(part) for part in text[1:-1].split(",") if part.strip()]
    except ValueError:
        found = []
    if column == "Continuous_Labels" and not found and text == "[]":
        found = [math.nan] * count
    if len(found) != count:
        raise RowError(f"{column} must be a list of {count} numbers; got {shown(text)}")
    return found
