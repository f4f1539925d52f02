"""Rows into the table of an INDEX: whole ones, many at a time.

Each commit of LanceDB is atomic. Files that cannot be read are written down before the rows beside them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from emotionnet.search.layout import lance_faults, picture_id
from emotionnet.search.plan import by_id
from emotionnet.search.rows import Rows
from emotionnet.search.scan import File
from emotionnet.search.unreadable import read_unreadable, write_unreadable

if TYPE_CHECKING:
    from lancedb.table import LanceTable

ROWS_AT_ONCE = 1024  # that are written together,
SECONDS = 30.0  # or as many as were computed in this time


class RowWriter:
    """Gathers rows and writes them.

    Args:
        folder: The INDEX.
        pictures: Its table.
        held: Paths of the pictures in the table whose files are to be computed again.
    """

    def __init__(self, folder: Path, pictures: LanceTable, held: Mapping[str, File]) -> None:
        self.folder, self.pictures, self.held = folder, pictures, held
        self.unreadable = read_unreadable(folder)
        self.added = self.changed = self.removed = 0
        self._saved = dict(self.unreadable)
        self._waiting: list[pa.Table] = []
        self._lost: list[str] = []
        self._since = time.monotonic()

    def add(self, rows: Rows) -> None:
        """Take rows, and note which files could not be read; the row of one of these, if it had one, goes.

        What has been gathered is written once it is enough.
        """
        self.unreadable |= rows.unreadable
        self._lost += [path for path in rows.unreadable if path in self.held]
        if rows.table is not None:
            self._waiting.append(rows.table)
            for path in rows.table["path"].to_pylist():
                self.unreadable.pop(path, None)
        count = sum(rows.num_rows for rows in self._waiting)
        if count >= ROWS_AT_ONCE or time.monotonic() - self._since >= SECONDS:
            self.commit()

    def commit(self) -> None:
        """Write what has been gathered."""
        if self._lost:  # first: a file that is known to be unreadable is not looked at again
            self.removed += self._delete(self._lost)
            self._lost = []
        if self.unreadable != self._saved:
            write_unreadable(self.folder, self.unreadable)
            self._saved = dict(self.unreadable)
        if self._waiting:
            self._write(pa.concat_tables(self._waiting))
            self._waiting = []
        self._since = time.monotonic()

    def _write(self, rows: pa.Table) -> None:
        old_N = pa.array([path in self.held for path in rows["path"].to_pylist()], pa.bool_())
        old, new = rows.filter(old_N), rows.filter(pc.invert(old_N))
        with lance_faults(self.folder):
            if new.num_rows:
                self.pictures.add(new)
            if old.num_rows:
                self.pictures.merge_insert("id").when_matched_update_all().execute(old)
        self.added += new.num_rows
        self.changed += old.num_rows

    def delete(self, paths: list[str]) -> None:
        """Take pictures out of the table, and files out of the list of those that could not be read."""
        self.removed += self._delete(paths)
        for path in paths:
            self.unreadable.pop(path, None)

    def _delete(self, paths: list[str]) -> int:
        with lance_faults(self.folder):
            done = [self.pictures.delete(condition) for condition in by_id(paths)]
        return sum(one.num_deleted_rows for one in done)

    def touch(self, files: Mapping[str, File]) -> None:
        """Write down the time of files whose content is as it was."""
        if not files:
            return
        columns = {"id": list(map(picture_id, files)), "modified_ns": [f.modified_ns for f in files.values()]}
        schema = pa.schema([("id", pa.string()), ("modified_ns", pa.int64())])
        with lance_faults(self.folder):
            rows = pa.table(columns, schema=schema)
            self.pictures.merge_insert("id").when_matched_update_all().execute(rows)
