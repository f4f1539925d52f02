"""Records of rows: ids where a picture has several, and the splits that a reader knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from emotionnet.data.conversion import next_id
from emotionnet.records import DataError, ImageRecord


def numbered(records: Sequence[ImageRecord]) -> tuple[ImageRecord, ...]:
    """The records with an id each: the path, and for further rows of a picture path#2, path#3, ..."""
    used, number = {record.path for record in records}, Counter[str]()
    return tuple(replace(record, id=next_id(record.path, number, used)) for record in records)


def require_split(name: str, split: str, splits: Sequence[str]) -> None:
    """Check that a benchmark's files give a split.

    Raises:
        DataError: They do not.
    """
    if split not in splits:
        raise DataError(f"{name}: split must be one of {', '.join(splits)}; got {split!r:.80}")
