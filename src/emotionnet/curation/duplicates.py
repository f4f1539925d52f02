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
import polars as pl

from emotionnet.curation.unions import Unions
from emotionnet.data.looks import HASH_BYTES

_BLOCK = 512


def close_pairs(looks_N32: npt.NDArray[np.uint8], bits: int) -> Iterator[tuple[int, int]]:
    """Pairs of hashes that differ in at most `bits` bits.

    Compares all with all, a block at a time: seconds for ten thousand pictures, too slow for
    a million.

    Args:
        looks_N32: Hashes; uint8, shape (N, 32).
        bits: The largest Hamming distance, 0 to 256.

    Yields:
        (i, j) with i < j, ordered by i, then j.
    """
    words_NW = np.ascontiguousarray(looks_N32).view(np.uint64)
    for start in range(0, len(words_NW), _BLOCK):
        block = words_NW[start : start + _BLOCK]
        differing = np.bitwise_count(block[:, None] ^ words_NW[None, start:])
        near = np.triu(differing.sum(axis=2, dtype=np.uint16) <= bits, k=1)
        for i, j in np.argwhere(near):
            yield start + int(i), start + int(j)


def merge_look_alikes(records: pl.DataFrame, bits: int) -> pl.DataFrame:
    """Put the groups of look-alike pictures of one source together.

    Args:
        records: With the columns source, group and look (a hash of 32 bytes, or null).
        bits: Pictures at most so many of 256 bits apart look alike.

    Returns:
        The same records; group is the smallest name of all that were put together.
    """
    unions = Unions(records["group"].unique())
    hashed = records.drop_nulls("look")
    for (_,), pictures in hashed.group_by("source", maintain_order=True):
        looks_N32 = np.frombuffer(b"".join(pictures["look"]), dtype=np.uint8).reshape(-1, HASH_BYTES)
        groups = pictures["group"].to_list()
        for i, j in close_pairs(looks_N32, bits):
            unions.join(groups[i], groups[j])
    roots = pl.Series("group", [unions.root(group) for group in records["group"]], dtype=pl.String)
    return records.with_columns(roots)
