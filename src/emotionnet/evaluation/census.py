"""Counts over a data set's pictures: who carries which emotion and tag, how many, and which together.

Shape letters: N = pictures, C = emotions or tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from emotionnet.records import Word

Counts = npt.NDArray[np.int64]


def counted(bags: Iterable[Sequence[int]], words: Sequence[Word]) -> tuple[Word, ...]:
    """The words with the number of bags that hold each, at least once."""
    counts_C = np.zeros(len(words), dtype=np.int64)
    for bag in bags:
        counts_C[sorted(set(bag))] += 1
    return tuple(Word(word.name, int(count)) for word, count in zip(words, counts_C, strict=True))


def together(bags: Sequence[Sequence[int]], count: int) -> Counts:
    """How many bags hold both of two indices; the diagonal, how many hold one; shape (C, C)."""
    sets = [sorted(set(bag)) for bag in bags]
    starts = np.cumsum([0, *map(len, sets)])
    indices = np.array([index for bag in sets for index in bag], dtype=np.int64)
    holds_NC = sparse.csr_array(
        (np.ones(len(indices), dtype=np.int64), indices, starts), shape=(len(sets), count)
    )
    counts_CC: Counts = (holds_NC.T @ holds_NC).toarray()
    return counts_CC


def most_together(
    counts_CC: npt.NDArray[Any], names: Sequence[str], *, most: int
) -> list[tuple[str, str, int]]:
    """The pairs that are together most often, each once; equal counts in the names' order."""
    places = np.argwhere(np.triu(counts_CC, k=1)).tolist()
    pairs = [(names[i], names[j], int(counts_CC[i, j])) for i, j in places]
    return sorted(pairs, key=lambda pair: -pair[2])[:most]


def spread(sizes: Iterable[int]) -> Mapping[int, int]:
    """How many bags have each size, from the smallest size to the largest."""
    counts: dict[int, int] = {}
    for size in sizes:
        counts[size] = counts.get(size, 0) + 1
    return dict(sorted(counts.items()))
