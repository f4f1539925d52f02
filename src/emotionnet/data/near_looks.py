"""Which of many hashes are near each other: all pairs, or the sets that hang together through them.

Nothing is guessed, and not all are compared with all. A hash is cut into `bits` // 2 + 1 bands. Of two
hashes at most `bits` apart, some band differs in one bit at most, for otherwise all together would differ in
more than `bits`. So for each band hashes are sorted by it, and those are compared whose bands are equal or
differ in one bit (multi-index hashing: Norouzi, Punjani, Fleet 2012, "Fast search in Hamming space with
multi-index hashing").

Shape letters: N = hashes, W = 64-bit words of a hash (4), P = pairs, K = values of a band.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from emotionnet.data.joined import Joined

WORD_BITS = 64
_POSITIONS = 1 << 17  # of a sorted band, looked at together
_CELLS = 1 << 20  # comparisons at once
_LARGE = 1 << 22  # where two bands make more pairs, it is asked which hang together, not which are near

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Found = Callable[[Integers, Integers], None]


def near_pairs(looks_N32: npt.NDArray[np.uint8], bits: int) -> Integers:
    """All pairs of hashes that differ in at most `bits` bits.

    Args:
        looks_N32: Hashes; uint8, shape (N, 32).
        bits: The largest Hamming distance, 0 to 256.

    Returns:
        i and j of each pair, i < j, ordered by i, then j; int64, shape (P, 2).
    """
    pairs: list[Integers] = [np.empty((0, 2), dtype=np.int64)]
    _search(as_words(looks_N32), bits, lambda i, j: pairs.append(np.sort(np.stack([i, j], axis=1), axis=1)))
    return np.unique(np.concatenate(pairs), axis=0)


def joined_by_nearness(words_NW: Words, bits: int) -> Joined:
    """The sets of hashes that hang together through pairs at most `bits` apart; hashes should be distinct."""
    sets = Joined(len(words_NW))
    _search(words_NW, bits, sets.join, sets)
    return sets


def as_words(looks_N32: npt.NDArray[np.uint8]) -> Words:
    """Hashes as 64-bit words; shape (N, 4)."""
    return np.ascontiguousarray(looks_N32).view(np.uint64)


@dataclass(frozen=True, eq=False)
class _Band:
    """Hashes sorted by some of their bits.

    Args:
        width: Number of those bits.
        rows_N: The hashes, by position in that order.
        keys_N: The bits of each as a number.
        starts_K: The first position of each number, and N.
        check_N: Another word of each hash, which hardly a pair that is not near passes.
    """

    width: int
    rows_N: npt.NDArray[np.int32]
    keys_N: npt.NDArray[np.uint32]
    starts_K: npt.NDArray[np.int32]
    check_N: Words

    def sizes(self, positions: Integers) -> Integers:
        """How many hashes have the bits that those at the positions have."""
        keys = self.keys_N[positions].astype(np.int64)
        sizes: Integers = (self.starts_K[keys + 1] - self.starts_K[keys]).astype(np.int64)
        return sizes


def _search(words_NW: Words, bits: int, found: Found, sets: Joined | None = None) -> None:
    """Tell `found` of all near pairs, some more than once; with `sets`, of enough pairs to join them."""
    if len(words_NW) < 2:
        return
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        for start, width in _bands(len(words_NW), bits):
            band = _band(words_NW, start, width)
            look = partial(_look, words_NW, band, bits, found, sets)
            list(threads.map(look, [None, *range(width)]))


def _bands(n: int, bits: int) -> list[tuple[int, int]]:
    """Start and width of each band; a single one without width, all with all, where bands spare nothing.

    Of a band no more bits are used than make hashes with equal ones rare.
    """
    number = bits // 2 + 1
    ends = np.linspace(0, 4 * WORD_BITS, number + 1).astype(int)
    widths = np.minimum(np.diff(ends), n.bit_length() + 1)
    if number * (widths.min() + 1) >= 2.0 ** widths.min():
        return [(0, 0)]
    return [(int(start), int(width)) for start, width in zip(ends, widths, strict=False)]


def _band(words_NW: Words, start: int, width: int) -> _Band:
    word, shift = divmod(start, WORD_BITS)
    keys_N = words_NW[:, word] >> np.uint64(shift)
    if shift + width > WORD_BITS:
        keys_N |= words_NW[:, word + 1] << np.uint64(WORD_BITS - shift)
    keys_N &= np.uint64((1 << width) - 1)
    keys_N = keys_N << np.uint64(32) | np.arange(len(keys_N), dtype=np.uint64)
    keys_N.sort()
    rows_N = (keys_N & np.uint64(0xFFFFFFFF)).astype(np.int32)
    sorted_N = (keys_N >> np.uint64(32)).astype(np.uint32)
    starts_K = np.zeros((1 << width) + 1, dtype=np.int32)
    np.cumsum(np.bincount(sorted_N, minlength=1 << width), out=starts_K[1:])
    return _Band(width, rows_N, sorted_N, starts_K, words_NW[rows_N, (word + 2) % 4])


def _look(
    words_NW: Words, band: _Band, bits: int, found: Found, sets: Joined | None, flipped: int | None
) -> None:
    """Compare the hashes whose bands are equal (`flipped` is None), or differ in the bit of that number."""
    for start in range(0, len(band.rows_N), _POSITIONS):
        position, first, count = _partners(band, start, flipped)
        if sets is not None and (large := band.sizes(position) * count > _LARGE).any():
            keys = np.unique(band.keys_N[position[large]])
            for key in keys[band.starts_K[keys] >= start].tolist():  # not again what the positions before met
                _link(words_NW, _members(band, key, flipped), bits, sets)
            position, first, count = position[~large], first[~large], count[~large]
        for left, right in _expanded(position, first, count):
            differing = np.bitwise_count(band.check_N[left] ^ band.check_N[right])
            maybe = np.flatnonzero(differing <= bits)
            i, j = band.rows_N[left[maybe]].astype(np.int64), band.rows_N[right[maybe]].astype(np.int64)
            if sets is not None:
                apart = sets.labels_N[i] != sets.labels_N[j]
                i, j = i[apart], j[apart]
            near = distance(words_NW[i], words_NW[j]) <= bits
            if near.any():
                found(i[near], j[near])


def _partners(band: _Band, start: int, flipped: int | None) -> tuple[Integers, Integers, Integers]:
    """Positions from `start` on, and for each the positions to compare it with: the first, and how many.

    A bit is flipped from 0 to 1 only, and equal ones are compared with later ones: no pair comes twice.
    """
    keys = band.keys_N[start : start + _POSITIONS]
    if flipped is None:
        position = np.arange(start, start + len(keys))
        first = position + 1
        count = band.starts_K[keys + 1] - first
    else:
        zero = np.flatnonzero((keys >> flipped) & 1 == 0)
        position, keys = start + zero, keys[zero] | np.uint32(1 << flipped)
        first = band.starts_K[keys].astype(np.int64)
        count = band.starts_K[keys + 1] - first
    some = np.flatnonzero(count)
    return position[some], first[some], count[some]


def _members(band: _Band, key: int, flipped: int | None) -> Integers:
    """The hashes with a band, and those with a bit of it flipped."""
    keys = [key] if flipped is None else [key, key | 1 << flipped]
    return np.concatenate([band.rows_N[band.starts_K[one] : band.starts_K[one + 1]] for one in keys])


def _expanded(position: Integers, first: Integers, count: Integers) -> Iterator[tuple[Integers, Integers]]:
    """Each position with each of its partners, about `_CELLS` pairs at a time."""
    ends = np.cumsum(count)
    cuts = np.searchsorted(ends, np.arange(_CELLS, ends[-1] if len(ends) else 0, _CELLS))
    for part in np.split(np.arange(len(count)), np.unique(cuts)):
        if not len(part):
            continue
        some = slice(part[0], part[-1] + 1)
        before = ends[some] - count[some]
        offset = np.repeat(first[some] - (before - before[0]), count[some])
        yield np.repeat(position[some], count[some]), offset + np.arange(len(offset))


def _link(words_NW: Words, members: Integers, bits: int, sets: Joined) -> None:
    """Join those of many hashes that hang together.

    What hangs together with a hash by now need not be compared with it: first those of one set are compared
    with the rest, then those that were found near with what is left, and so on. Hundreds of thousands that
    look alike take little more than one comparison each.
    """
    labels_N = sets.smallest()
    _, inverse, sizes = np.unique(labels_N[members], return_inverse=True, return_counts=True)
    rest = members[np.lexsort((inverse, -sizes[inverse]))]  # the largest set first
    while len(rest) > 1:
        own = labels_N[rest] == labels_N[rest[0]]
        queue, rest = rest[own], rest[~own]
        while len(queue) and len(rest):
            taken = max(1, _CELLS // (8 * len(rest)))
            block, queue = queue[:taken], queue[taken:]
            near = distance(words_NW[block, None], words_NW[None, rest]) <= bits
            hit = near.any(axis=0)
            if hit.any():
                sets.join(block[near[:, hit].argmax(axis=0)], rest[hit])
                queue, rest = np.concatenate([queue, rest[hit]]), rest[~hit]


def distance(one: Words, other: Words) -> npt.NDArray[np.uint16]:
    """In how many bits hashes differ; the last axis is that of the words."""
    differing: npt.NDArray[np.uint16] = np.bitwise_count(one ^ other).sum(axis=-1, dtype=np.uint16)
    return differing
