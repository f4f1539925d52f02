"""The tags of many records as numbers: one list for each record, in two flat arrays.

Shape letters: N = records, T = tags of all lists, V = numbers that a tag may have, P = pairs of a tag and a
group that carries it, H = words of a hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from emotionnet.records import Word

Integers = npt.NDArray[np.integer]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
_HALF = np.uint64(32)


@dataclass(frozen=True, eq=False)
class TagLists:
    """N lists of tag numbers, one after the other; each in ascending order, no number twice.

    Args:
        lengths_N: How long each list is.
        tags_T: The numbers of all lists.
    """

    lengths_N: npt.NDArray[np.int64]
    tags_T: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, rows_T: Integers, tags_T: Integers, n: int) -> TagLists:
        """The lists of `n` records, from the record and the number of each tag, in whatever order."""
        pairs_T = _distinct_pairs(rows_T, tags_T)
        lengths_N = np.bincount((pairs_T >> _HALF).view(np.int64), minlength=n)
        return cls(lengths_N, pairs_T.astype(np.uint32))

    @classmethod
    def joined(cls, lists: Sequence[TagLists]) -> TagLists:
        """One behind the other."""
        return cls(
            np.concatenate([np.zeros(0, dtype=np.int64), *(some.lengths_N for some in lists)]),
            np.concatenate([np.zeros(0, dtype=np.uint32), *(some.tags_T for some in lists)]),
        )

    @classmethod
    def read(cls, series: pl.Series) -> TagLists:
        """Lists that `series` gave."""
        lists = series.to_arrow()
        lengths_N = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
        return cls(lengths_N, lists.flatten().to_numpy(zero_copy_only=False))

    def series(self) -> pl.Series:
        """The lists as a column; a column of numbers can be cast to another kind of number."""
        lists = pa.LargeListArray.from_arrays(pa.array(self._ends()), pa.array(self.tags_T))
        return pl.Series(lists, dtype=pl.List(pl.UInt32))

    def rows(self) -> npt.NDArray[np.int64]:
        """The record of each tag; shape (T,)."""
        return np.repeat(np.arange(len(self.lengths_N)), self.lengths_N)

    def _ends(self) -> npt.NDArray[np.int64]:
        """Where each list begins, and the last one ends; shape (N + 1,)."""
        return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(self.lengths_N)])

    def mapped(self, numbers_V: Integers) -> TagLists:
        """The lists with other numbers; a tag whose new number is below 0 is left out."""
        numbers_T = numbers_V[self.tags_T]
        stays_T = numbers_T >= 0
        return TagLists.of(self.rows()[stays_T], numbers_T[stays_T], len(self.lengths_N))

    def taken(self, flags_N: Flags) -> TagLists:
        """The lists of some of the records."""
        return TagLists(self.lengths_N[flags_N], self.tags_T[np.repeat(flags_N, self.lengths_N)])

    def having(self, flags_V: Flags) -> Flags:
        """Which lists have a tag with a flag; shape (N,)."""
        found_N: Flags = self._sums(flags_V[self.tags_T].astype(np.uint64)) > 0
        return found_N

    def hashes(self, hashes_VH: Hashes) -> Hashes:
        """Numbers that are equal for equal lists, and but by a chance of 2 to the -64 H for no others.

        Args:
            hashes_VH: Random numbers for each number that a tag may have.

        Returns:
            Their sums over each list, which run over; shape (N, H).
        """
        columns = [self._sums(hashes_V[self.tags_T]) for hashes_V in hashes_VH.T]
        return np.stack(columns, axis=1)

    def _sums(self, values_T: Hashes) -> Hashes:
        """The sum of each list, which may run over."""
        sums_T1 = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(values_T)])
        ends_N1 = self._ends()
        sums_N: Hashes = sums_T1[ends_N1[1:]] - sums_T1[ends_N1[:-1]]
        return sums_N

    def carriers(self, groups_N: Integers) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """The tags and the groups that carry them, shape (P,) each: no pair twice, by tag, then group."""
        pairs_P = _distinct_pairs(self.tags_T, np.repeat(groups_N, self.lengths_N))
        return (pairs_P >> _HALF).astype(np.uint32), pairs_P.astype(np.uint32)


def ranked_words(lists: TagLists, groups_N: Integers, names: Sequence[str]) -> list[tuple[int, Word]]:
    """The tags by number of groups that carry them, most first, ties in alphabetical order.

    Args:
        lists: Tags as numbers.
        groups_N: The group of each record.
        names: The tag of each number.

    Returns:
        Number and word of each tag that is there.
    """
    counts_V = np.bincount(lists.carriers(groups_N)[0], minlength=len(names))
    words = [
        (number, Word(names[number], int(counts_V[number]))) for number in np.flatnonzero(counts_V).tolist()
    ]
    return sorted(words, key=lambda word: (-word[1].count, word[1].name))


def numbering(chosen: Sequence[int], n: int) -> npt.NDArray[np.int64]:
    """For each of `n` numbers its place among the chosen ones; -1 for the others; shape (V,)."""
    places_V = np.full(n, -1)
    places_V[list(chosen)] = np.arange(len(chosen))
    return places_V


def _distinct_pairs(one: Integers, other: Integers) -> Hashes:
    """Each pair once, in order, as one number of 64 bits: both must be below 2 to the 32."""
    pairs = one.astype(np.uint64)
    pairs <<= _HALF
    np.bitwise_or(
        pairs, other, out=pairs, dtype=np.uint64, casting="unsafe"
    )  # no copy of millions for a cast
    pairs.sort()
    new = np.ones(len(pairs), dtype=np.bool_)
    np.not_equal(pairs[1:], pairs[:-1], out=new[1:])
    return pairs if new.all() else pairs[new]
