"""Ids: every record of a file must have its own; one that stands in a later file, too, is the same again.

Shape letters: N = ids of some records, M = ids of earlier files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.curation.source_tables import MOST_FAULTS

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.uint32]
NO_FILE = -1


@dataclass(frozen=True, eq=False)
class _Known:
    """The ids of some files, in the order of their hashes.

    Args:
        hashes_M: 64 bits of each.
        checks_M: 32 more bits.
        files_M: The number of the file that each stands in.
    """

    hashes_M: Hashes
    checks_M: Numbers
    files_M: Numbers

    def joined(self, later: _Known) -> _Known:
        hashes = np.concatenate([self.hashes_M, later.hashes_M])
        order = np.argsort(hashes, kind="stable")  # which is soon done for two that are in order
        checks = np.concatenate([self.checks_M, later.checks_M])[order]
        return _Known(hashes[order], checks, np.concatenate([self.files_M, later.files_M])[order])


class Ids:
    """The hashes of all ids, file by file: of several files 16 bytes each, of a single one 8.

    Args:
        n_files: How many files there are.
    """

    def __init__(self, n_files: int) -> None:
        self.height = 0
        self._several = n_files > 1
        self._known: list[_Known] = []  # each far larger than the next, so that few are looked into
        self._own: list[tuple[Hashes, Numbers]] = []
        self._file = 0

    def add(self, ids: pl.Series) -> npt.NDArray[np.int64]:
        """Take the next ids of a file.

        Returns:
            The number of the first file, of those before this one, that has each of them, or `NO_FILE`;
            shape (N,).
        """
        self.height += len(ids)
        hashes_N = ids.hash(seed=0).to_numpy()
        checks_N = np.zeros(0, dtype=np.uint32)
        found_N = np.full(len(ids), NO_FILE)
        if self._several:
            checks_N = ids.hash(seed=1).to_numpy().astype(np.uint32)
            for known in reversed(self._known):  # so that the first file has the last word
                place_N = np.searchsorted(known.hashes_M, hashes_N)
                place_N[place_N == len(known.hashes_M)] = 0
                same_N = (known.hashes_M[place_N] == hashes_N) & (known.checks_M[place_N] == checks_N)
                found_N[same_N] = known.files_M[place_N[same_N]]
        self._own.append((hashes_N, checks_N))
        return found_N

    def end_file(self) -> Hashes:
        """Hashes that came more than once in the file."""
        hashes_N, checks_N = (np.concatenate(some) for some in zip(*self._own, strict=True))
        self._own = []
        if self._several:
            order = np.argsort(hashes_N)
            hashes_N = hashes_N[order]
            files_N = np.full(len(hashes_N), self._file, dtype=np.uint32)
            self._remember(_Known(hashes_N, checks_N[order], files_N))
            self._file += 1
        else:
            hashes_N.sort()
        repeated: Hashes = hashes_N[1:][hashes_N[1:] == hashes_N[:-1]]
        return repeated

    def _remember(self, known: _Known) -> None:
        while self._known and len(self._known[-1].hashes_M) < 2 * len(known.hashes_M):
            known = self._known.pop().joined(known)
        if len(known.hashes_M):
            self._known.append(known)


def missing_ids(path: Path, start: int, ids: pl.Series) -> list[str]:
    """Faults: the rows of a file, whose row `start` the ids begin with, from 0, that have no id."""
    return [
        f"{path}: row {start + row + 1}: id must be given; it is empty"
        for row in _is_missing(ids).arg_true()[:MOST_FAULTS]
    ]


def twice(path: Path, ids: Iterable[pl.Series], hashes: Hashes) -> list[str]:
    """Faults: the ids of a file that stand twice in it; those with one of the hashes are compared as text."""
    suspects, start = [], 0
    wanted = pl.Series(hashes).unique()
    for some in ids:
        numbered = pl.DataFrame({"id": some, "row": np.arange(start, start + len(some))})
        suspects.append(numbered.filter(some.hash(seed=0).is_in(wanted.implode()) & ~_is_missing(some)))
        start += len(some)
    first = pl.col("row").first().over("id").alias("first")
    rows = pl.concat(suspects).with_columns(first).filter(pl.col("row") != pl.col("first"))
    return [
        f"{path}: row {row + 1}: every id must stand once; {name!r} stands in row {earlier + 1} too"
        for row, name, earlier in rows.select("row", "id", "first").head(MOST_FAULTS).iter_rows()
    ]


def _is_missing(ids: pl.Series) -> pl.Series:
    return ids.is_null() | (ids.str.strip_chars() == "")
