"""Which records are twins, which a group has too many of, and which split a group is in.

Shape letters: N = records, H = words of a hash, G = groups.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from emotionnet.config import SplitSizes

SPLIT_ORDER = ("test", "val", "train")
UNTAKEN = -1
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def first_alike(hashes_NH: npt.NDArray[np.uint64]) -> Integers:
    """For each record the first one with the same hash, often itself; int64, shape (N,)."""
    first_N = np.arange(len(hashes_NH))
    order = np.argsort(hashes_NH[:, 0])
    column = hashes_NH[order, 0]
    repeats = np.flatnonzero(column[1:] == column[:-1])
    suspects = np.unique(order[np.union1d(repeats, repeats + 1)])  # the others have no twin
    order = np.lexsort(hashes_NH[suspects].T)  # equal ones stay in the order of the records
    ordered_NH = hashes_NH[suspects[order]]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (ordered_NH[1:] != ordered_NH[:-1]).any(axis=1)
    first_N[suspects[order]] = suspects[order[new]][np.cumsum(new) - 1]
    return first_N


def beyond(groups_N: Integers, most: int, seed: int) -> Flags:
    """Records that a group has beyond its share; which ones, the seed draws.

    Args:
        groups_N: The group of each record; below 0: in none.
        most: How many records a group may have.
        seed: Of the drawing.
    """
    drawn_N = np.random.default_rng(seed).permutation(len(groups_N))
    order = np.lexsort((drawn_N, groups_N))
    ordered = groups_N[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    over_N = np.zeros(len(order), dtype=np.bool_)
    over_N[order] = (place >= most) & (ordered >= 0)
    return over_N


def assign_splits(
    carriers: Sequence[Integers], n_groups: int, sizes: SplitSizes, seed: int
) -> npt.NDArray[np.int8]:
    """Share the groups out (Wei et al. 2020, section 3): test first, then val, then train.

    For each split the emotions take turns in their order; each takes up to the split's size
    of groups that nobody has taken yet, in an order that the seed shuffles.

    Args:
        carriers: The groups that carry each emotion, in ascending order, the emotions in rank order.
        n_groups: Groups have numbers below this.
        sizes: Groups that each emotion adds to each split.
        seed: Of the shuffles.

    Returns:
        For each group the split's place in `SPLIT_ORDER`, or `UNTAKEN`; shape (G,).
    """
    rng = np.random.default_rng(seed)
    shuffled = [groups[rng.permutation(len(groups))] for groups in carriers]
    split_G = np.full(n_groups, UNTAKEN, dtype=np.int8)
    for place, split in enumerate(SPLIT_ORDER):
        for groups in shuffled:
            free = groups[split_G[groups] == UNTAKEN]
            split_G[free[: getattr(sizes, split)]] = place
    return split_G
