"""Near-duplicates: records whose pictures look alike come into one group.

Looked at on the 1,373 pictures of the three emoji vendors that carry an emotion word, pair by
pair, groups of Unicode's structure aside. Up to 20 of 256 bits: the ten coloured hearts,
white and red exclamation mark, the snowman with and without snow, the horned face angry and
smiling, anguished and fearful face, a circle and the same with a bar: one drawing each with
a detail or a colour changed. From 22 bits on the faces of a vendor begin to chain (hushed
and astonished; at 24 neutral and mouthless; at 26 neutral and smiling), and by 40 most
of them hang together. Hence the default of 20. The price is the few pairs whose small
difference is the emotion: they share a split, which costs nothing but choice.

Shape letters: N = pictures, W = 64-bit words of a hash (4).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from emotionnet.data.near_looks import Words, as_words, joined_by_nearness

Integers = npt.NDArray[np.int64]


def look_alikes(
    looks_N32: npt.NDArray[np.uint8], bits: int, *, within_N: npt.NDArray[np.integer] | None = None
) -> Integers:
    """Pictures that hang together through pairs of look-alikes: one, its look-alikes, theirs, and so on.

    Exact: the sets are those that a comparison of all with all gives. Ten million hashes need about a
    gigabyte beside their own 320 MB.

    Args:
        looks_N32: Hashes; uint8, shape (N, 32).
        bits: Pictures at most so many of 256 bits apart look alike.
        within_N: A number for each picture, such as that of its source; only pictures of one number make a
            pair. Integers, shape (N,); None: all do.

    Returns:
        For each picture the smallest row of its set; int64, shape (N,).
    """
    words_NW = as_words(looks_N32)
    labels_N = np.arange(len(words_NW))
    for rows in _parts(within_N, len(words_NW)):
        alone = len(rows) == len(words_NW)  # then there is nothing to copy
        labels_N[rows] = rows[_sets(words_NW if alone else words_NW[rows], bits)]
    return labels_N


def _parts(within_N: npt.NDArray[np.integer] | None, n: int) -> Iterator[Integers]:
    """The rows of each number, in order, wherever there are two or more."""
    if within_N is None:
        yield np.arange(n)
        return
    order = np.argsort(within_N, kind="stable")
    ends = np.flatnonzero(np.diff(within_N[order])) + 1
    yield from (rows for rows in np.split(order, ends) if len(rows) > 1)


def _sets(words_NW: Words, bits: int) -> Integers:
    """For each hash the first of those it hangs together with."""
    first_N = _first_equal(words_NW)
    distinct = np.flatnonzero(first_N == np.arange(len(words_NW)))
    labels_N = np.empty_like(first_N)
    labels_N[distinct] = distinct[joined_by_nearness(words_NW[distinct], bits).smallest()]
    return labels_N[first_N]


def _first_equal(words_NW: Words) -> Integers:
    """For each hash the first one that equals it; some may be missed, and then it is near itself."""
    mixed_N = words_NW[:, 0].copy()
    for word in range(1, words_NW.shape[1]):
        mixed_N = mixed_N * np.uint64(3) + words_NW[:, word]
    order = np.argsort(mixed_N, kind="stable")
    mixed_N = mixed_N[order]
    same = 1 + np.flatnonzero(mixed_N[1:] == mixed_N[:-1])
    same = same[(words_NW[order[same]] == words_NW[order[same - 1]]).all(axis=1)]
    start_N = np.arange(len(order))
    start_N[same] = 0
    first_N = np.empty_like(order)
    first_N[order] = order[np.maximum.accumulate(start_N)]
    return first_N
