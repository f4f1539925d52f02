"""Records of rows: an id for each, where a picture has several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from emotionnet.data.conversion import next_id
from emotionnet.records import DataError, ImageRecord


def numbered(source: Path, records: Sequence[ImageRecord]) -> tuple[ImageRecord, ...]:
    """The records with an id each: the path, and for further rows of a picture path#2, path#3, ...

    Raises:
        DataError: There is no record; says that `source` holds none.
    """
    if not records:
        raise DataError(f"{source}: must list a picture; it lists none")
    used, number = {record.path for record in records}, Counter[str]()
    return tuple(replace(record, id=next_id(record.path, number, used)) for record in records)
