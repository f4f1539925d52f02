"""Which records are twins, how many groups carry a tag, and which split a group is in.

A tag table has the columns row and tag, see tags.py; `groups` has the columns row and group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
import polars as pl

from emotionnet.config import SplitSizes
from emotionnet.records import Word

SPLIT_ORDER = ("test", "val", "train")


def twins(records: pl.DataFrame, key: pl.Expr, reason: str) -> pl.DataFrame:
    """Records that equal an earlier one in `key` (null equals nothing).

    Returns:
        Columns row, id and reason, which is `reason` and the id of the earlier one.
    """
    first = records.with_columns(key=key).drop_nulls("key")
    first = first.with_columns(pl.col("row", "id").first().over("key").name.prefix("first_"))
    later = first.filter(pl.col("row") != pl.col("first_row"))
    return later.select("row", "id", reason=pl.format(f"{reason} {{}}", "first_id"))


def beyond(records: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """Records that a group has beyond its share; which ones, the seed draws (null is no group).

    Returns:
        Columns row, id and reason, in the records' order.
    """
    drawn = np.random.default_rng(seed).permutation(records.height)
    ranked = records.with_columns(drawn=pl.Series(drawn)).drop_nulls("group")
    over = ranked.filter(pl.col("drawn").rank("ordinal").over("group") > most)
    reason = pl.format(f"more than {most} pictures of {{}}", "group")
    return over.select("row", "id", reason=reason)


def tag_sets(table: pl.DataFrame) -> pl.DataFrame:
    """One text for each record, equal for equal sets of tags: columns row and tag_set."""
    return table.group_by("row").agg(tag_set=pl.col("tag").sort().str.join("\n"))


def count_groups(table: pl.DataFrame, groups: pl.DataFrame) -> list[Word]:
    """The tags by number of groups that carry them, most first, ties in alphabetical order."""
    carried = table.join(groups, on="row").select("tag", "group").unique()
    counts = carried.group_by("tag").len("count").sort(["count", "tag"], descending=[True, False])
    return [Word(tag, count) for tag, count in counts.iter_rows()]


def assign_splits(carriers: Mapping[str, Sequence[str]], sizes: SplitSizes, seed: int) -> dict[str, str]:
    """Share the groups out (Wei et al. 2020, section 3): test first, then val, then train.

    For each split the emotions take turns in their order; each takes up to the split's size
    of groups that nobody has taken yet, in an order that the seed shuffles.

    Args:
        carriers: The groups that carry each emotion, the emotions in rank order.
        sizes: Groups that each emotion adds to each split.
        seed: Of the shuffles.

    Returns:
        Split by group, for the groups that were taken.
    """
    rng = np.random.default_rng(seed)
    shuffled = [
        [ordered[i] for i in rng.permutation(len(ordered))] for ordered in map(sorted, carriers.values())
    ]
    split_of: dict[str, str] = {}
    for split in SPLIT_ORDER:
        for groups in shuffled:
            free = (group for group in groups if group not in split_of)
            chosen = islice(free, getattr(sizes, split))
            split_of.update(dict.fromkeys(list(chosen), split))
    return split_of
