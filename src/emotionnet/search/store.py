"""An INDEX to read: pictures, what is known of them, and which are nearest to a vector.

Shape letters: N = pictures, F = features, D = embedding size, C = emotions, K = pictures asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.outputs import Array
from emotionnet.models.description import ImageModel, read_description
from emotionnet.records import DataError
from emotionnet.search.layout import INFO, IndexInfo, lance_faults, open_pictures, read_info

if TYPE_CHECKING:
    from lancedb.table import LanceTable

EXACT_LIMIT = 20_000  # pictures up to which all are compared; approximate search is faster from there on
VectorColumn = Literal["features", "projection"]
RECORD = ("id", "path", "sha256", "bytes", "width", "height", "taken", "tags", "outside", "distance")
ROW_ID = "_rowid"  # LanceDB's own, of one version of the table
_AT_ONCE = 4096  # rows


@dataclass(frozen=True, slots=True)
class IndexedPicture:
    """What an index knows of a picture, besides its vectors; `distance` and `outside` are its guard's."""

    id: str
    path: str
    sha256: str
    bytes: int
    width: int
    height: int
    taken: datetime | None
    tags: tuple[str, ...]
    outside: bool | None
    distance: float | None


def picture_of(row: dict[str, Any]) -> IndexedPicture:
    """A row of the columns `RECORD`, as `pyarrow.Table.to_pylist` gives it."""
    return IndexedPicture(**(row | {"tags": tuple(row["tags"] or ())}))


def sql_text(text: str) -> str:
    """A text as it stands in a condition (`where`)."""
    return "'" + text.replace("'", "''") + "'"


class Index:
    """An index as it was when it was opened; several threads may read it.

    `ids` are those of all pictures, in order of their paths; the rows of all arrays are in that order.

    Example:
        >>> index = Index.open(Path("INDEX"))  # doctest: +SKIP
        >>> index.record(index.ids[0]).path  # doctest: +SKIP
        '/home/me/pictures/2020/beach.jpg'
    """

    def __init__(self, folder: Path, info: IndexInfo, model: ImageModel, table: LanceTable) -> None:
        self.folder, self.info, self.model, self.pictures = folder, info, model, table
        self._reading = threading.Lock()
        with lance_faults(folder):
            known = table.search().select(["id", "path"]).with_row_id(True).to_arrow()
            order_N = np.argsort(np.array(known["path"].to_pylist(), dtype=object), kind="stable")
        self.ids: tuple[str, ...] = tuple(known["id"].take(order_N).to_pylist())
        self._row_ids_N: npt.NDArray[np.uint64] = known[ROW_ID].to_numpy()[order_N]
        self._rows = {name: row for row, name in enumerate(self.ids)}
        if len(self._rows) != len(self.ids):
            raise DataError(f"{folder}: every picture must stand once; one stands twice: make it again")

    @classmethod
    def open(cls, folder: Path) -> Index:
        """Open an INDEX.

        Raises:
            DataError: There is none, it is broken or made by a newer version, or LanceDB is not installed.
        """
        info = read_info(folder)
        return cls(folder, info, read_description(folder, ImageModel), open_pictures(folder, info))

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    @property
    def version(self) -> int:
        """Another number once the folder holds other pictures than were opened; 0 when it is gone."""
        try:
            return (self.folder / INFO).stat().st_mtime_ns
        except OSError:
            return 0

    def row(self, name: str) -> int:
        """The row of a picture, by its id.

        Raises:
            DataError: The index has none of that id.
        """
        row = self._rows.get(name)
        if row is None:
            raise DataError(
                f"{self.folder}: must hold the picture that is asked for; none has the id {name[:40]!r}"
            )
        return row

    def record(self, name: str) -> IndexedPicture:
        """What is known of a picture, by its id.

        Raises:
            DataError: As `row`.
        """
        return self.records([name])[0]

    def records(self, names: Sequence[str]) -> list[IndexedPicture]:
        """What is known of some pictures, by their ids, in the given order.

        Raises:
            DataError: As `row`.
        """
        rows = self.table(RECORD, ids=names).to_pylist()
        return list(map(picture_of, rows))

    def table(
        self, columns: Sequence[str], ids: Sequence[str] | None = None, where: str | None = None
    ) -> pa.Table:
        """Columns of all pictures or of some.

        Args:
            columns: Of `layout.row_schema`; vectors too.
            ids: Which pictures; None: all.
            where: An SQL condition that they must meet; texts in it by `sql_text`.

        Returns:
            In the order of `ids`, or of the paths.

        Raises:
            DataError: As `row`, or the table cannot be read.
        """
        wanted = [*columns, *(["id"] if "id" not in columns else [])]
        with lance_faults(self.folder):
            if ids is None or where is not None:
                query = self.pictures.search().select(wanted)
                found = (query if where is None else query.where(where)).to_arrow()
            else:
                some = list({int(self._row_ids_N[self.row(name)]) for name in ids})
                found = self.pictures.take_row_ids(some).select(wanted).to_arrow()
        order = pa.array(self._order(found["id"].to_pylist(), ids), pa.int64())  # typed: there may be none
        return found.take(order).select(list(columns))

    def _order(self, found: Sequence[str], ids: Sequence[str] | None) -> list[int]:
        """Places of what was found: in the order of `ids`, or of the paths; what is not there is left out."""
        if ids is None:
            return sorted(range(len(found)), key=lambda place: self.row(found[place]))
        places = {name: place for place, name in enumerate(found)}
        return [places[name] for name in ids if name in places]

    def thumbnail(self, name: str) -> bytes:
        """A small JPEG of a picture, without metadata.

        Raises:
            DataError: As `row`.
        """
        content = self.table(["thumbnail"], ids=[name])["thumbnail"][0].as_py()
        return bytes(content or b"")

    @property
    def features(self) -> Array:
        """The trunk's features, of length 1; float32, shape (N, F); read once and kept in memory."""
        with self._reading:
            return self._features

    @property
    def projection(self) -> Array | None:
        """Points in the space of the words, of length 1; float32, shape (N, D); None without projection."""
        with self._reading:
            return self._projection

    @property
    def probabilities(self) -> Array:
        """Of each emotion; float32, shape (N, C)."""
        with self._reading:
            return self._probabilities

    @cached_property
    def _features(self) -> Array:
        return unit_rows(self._read("features", self.info.n_features))

    @cached_property
    def _projection(self) -> Array | None:
        size = self.info.embedding_size
        return None if size is None else unit_rows(self._read("projection", size))

    @cached_property
    def _probabilities(self) -> Array:
        return self._read("probabilities", len(self.info.emotions))

    def _read(self, column: str, size: int) -> Array:
        """A whole column of vectors; float32, shape (N, size)."""
        found = np.zeros((len(self), size), dtype=np.float32)
        with lance_faults(self.folder):
            query = self.pictures.search().select([column]).with_row_id(True)
            for batch in query.to_batches(batch_size=_AT_ONCE):
                found[self.rows_of(batch[ROW_ID].to_numpy())] = vectors_of(batch[column], size)
        return found

    def rows_of(self, row_ids_K: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
        """The rows of pictures that LanceDB names by its own numbers; shape (K,)."""
        by_row_id, sorted_N = self._by_row_id
        return by_row_id[np.searchsorted(sorted_N, row_ids_K)]

    @cached_property
    def _by_row_id(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint64]]:
        order = np.argsort(self._row_ids_N)
        return order, self._row_ids_N[order]

    def vectors(self, column: VectorColumn, ids: Sequence[str]) -> Array:
        """Unit rows of some pictures, in the given order; float32, shape (K, F) or (K, D).

        Raises:
            DataError: As `row`, or the index has no projection.
        """
        size = self._size(column)
        rows = self.table([column], ids=ids)[column].combine_chunks()
        return unit_rows(vectors_of(rows, size))

    def nearest(
        self, column: VectorColumn, vector: Array, k: int, *, where: str | None = None
    ) -> tuple[tuple[str, ...], Array]:
        """The pictures nearest to a vector: exactly for up to `EXACT_LIMIT` pictures, else approximately.

        Args:
            column: Which vectors.
            vector: Of any length; float, shape (F,) or (D,).
            k: How many, at most.
            where: As for `table`; only such pictures are looked at.

        Returns:
            Their ids, the nearest first, equal ones in order of their paths; and the cosines, float32.

        Raises:
            DataError: The index has no projection, or cannot be read.
        """
        self._size(column)
        if len(self) <= EXACT_LIMIT:
            return self._nearest_exactly(column, vector, k, where)
        from emotionnet.search.ann import nearest

        return nearest(self, column, vector, k, where=where)

    def _nearest_exactly(
        self, column: VectorColumn, vector: Array, k: int, where: str | None
    ) -> tuple[tuple[str, ...], Array]:
        rows_N = self.features if column == "features" else self.projection
        assert rows_N is not None
        kept = np.arange(len(self)) if where is None else self.rows_where(where)
        cosines_N = rows_N[kept] @ unit_rows(vector[None].astype(np.float32))[0]
        order = np.argsort(-cosines_N, kind="stable")[:k]
        return tuple(self.ids[row] for row in kept[order]), cosines_N[order]

    def rows_where(self, where: str) -> npt.NDArray[np.int64]:
        """Rows of the pictures that meet a condition, in order."""
        found = self.table(["id"], where=where)["id"].to_pylist()
        return np.array([self._rows[name] for name in found], dtype=np.int64)

    def _size(self, column: VectorColumn) -> int:
        size = self.info.n_features if column == "features" else self.info.embedding_size
        if size is None:
            raise DataError(f"{self.folder}: its model must have a projection; it has none")
        return size


def vectors_of(column: pa.Array, size: int) -> Array:
    """A column of vectors as an array; float32, shape (N, size)."""
    flat: Array = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), size)
