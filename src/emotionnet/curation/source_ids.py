"""Every record of a source must have an id of its own, however many files it comes in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.curation.source_tables import MOST_FAULTS


class Ids:
    """The hashes of all ids, 8 bytes each; ids with one hash are compared as text in a second walk.

    Args:
        paths: The files that they come from, in order.
    """

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self.paths, self.height, self.faults = paths, 0, list[str]()
        self._starts: list[int] = []
        self._hashes: list[npt.NDArray[np.uint64]] = []

    def start_file(self) -> None:
        self._starts.append(self.height)

    def add(self, ids: pl.Series) -> None:
        empty = ids.is_null() | (ids.str.strip_chars() == "")
        for row in empty.arg_true()[:MOST_FAULTS]:
            file, number = self._place(self.height + row)
            self.faults.append(f"{file}: row {number}: id must be given; it is empty")
        self._hashes.append(ids.drop_nulls().hash(seed=0).to_numpy())
        self.height += len(ids)

    def repeated(self) -> npt.NDArray[np.uint64]:
        """Hashes that came more than once."""
        ordered = np.sort(np.concatenate(self._hashes))
        repeated: npt.NDArray[np.uint64] = ordered[1:][ordered[1:] == ordered[:-1]]
        return repeated

    def find_twice(self, ids: Iterable[pl.Series], hashes: npt.NDArray[np.uint64]) -> None:
        """Name the ids that stand twice: those with one of these hashes are kept, and compared."""
        suspects, row = [], 0
        wanted = pl.Series(hashes).unique()
        for some in ids:
            numbered = pl.DataFrame({"id": some, "row": np.arange(row, row + len(some))}).drop_nulls("id")
            suspects.append(numbered.filter(pl.col("id").hash(seed=0).is_in(wanted.implode())))
            row += len(some)
        first = pl.col("row").first().over("id").alias("first")
        twice = pl.concat(suspects).with_columns(first).filter(pl.col("row") != pl.col("first"))
        for row, name, earlier in twice.select("row", "id", "first").head(MOST_FAULTS).iter_rows():
            (file, number), (other, place) = self._place(row), self._place(earlier)
            where = "" if other == file else f"{other}, "
            self.faults.append(
                f"{file}: row {number}: every id must stand once; {name!r} stands in {where}row {place} too"
            )

    def _place(self, row: int) -> tuple[Path, int]:
        """The file of a row, and its number there, from 1."""
        file = bisect_right(self._starts, row) - 1
        return self.paths[file], row - self._starts[file] + 1
