"""The records that the splits take: their rows, their words, and the words that are held out of them.

Shape letters: K = records that are taken, V = numbers of tags, G = groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl

from emotionnet.config import CurateConfig
from emotionnet.curation import families
from emotionnet.curation.labels import Labels
from emotionnet.curation.pool import Integers, Pool
from emotionnet.curation.selection import SPLIT_ORDER
from emotionnet.curation.tag_lists import TagLists, numbering, ranked_words
from emotionnet.curation.tags import Vocabulary
from emotionnet.records import SPLITS, Word


@dataclass(frozen=True, eq=False)
class Taken:
    """K records with all their columns.

    Args:
        records: Columns id, image, group, source, licence, sha256 and split.
        tags: Their tags.
        groups_K: Their groups as numbers.
    """

    records: pl.DataFrame
    tags: TagLists
    groups_K: Integers


@dataclass(frozen=True, eq=False)
class Tables:
    """The rows of each split, the words of each vocabulary, and the held-out words with their kin."""

    rows: Mapping[str, pl.DataFrame]
    words: Mapping[str, Sequence[Word]]
    families: Mapping[str, Sequence[str]]


def take(pool: Pool, labels: Labels) -> Taken:
    """Read what was kept on disk of the records that the splits take."""
    taken_N = labels.taken()
    rows, lists = [], []
    for (place, part), (_, seen) in zip(
        pool.files.read("id", "image", "source", "licence", "tags"),
        pool.seen.read("sha256"),
        strict=True,
    ):
        flags = taken_N[place]
        flag_column = pl.Series(flags)
        rows.append(part.drop("tags").with_columns(seen["sha256"]).filter(flag_column))
        lists.append(TagLists.read(part["tags"].filter(flag_column)).mapped(pool.tags.numbers_V))
    records = pl.concat(rows)
    groups_K = pool.groups_N[taken_N]
    splits = pl.Series(labels.splits_N[taken_N]).replace_strict(
        range(len(SPLIT_ORDER)), SPLIT_ORDER, return_dtype=pl.String
    )
    names = _group_names(pool, groups_K)
    fetched = pl.when(~pl.col("image").str.contains("://", literal=True)).then("sha256").otherwise(pl.lit(""))
    return Taken(
        records.with_columns(group=names, split=splits, sha256=fetched), TagLists.joined(lists), groups_K
    )


def _group_names(pool: Pool, groups_K: Integers) -> pl.Series:
    """The name of each group: that of any record that came with this number."""
    wanted_G = np.zeros(int(pool.names_N.max()) + 1, dtype=np.bool_)
    wanted_G[groups_K] = True
    found = []
    for place, part in pool.files.read("id", "group"):
        numbers = pool.names_N[place]
        wanted = part.select(name=pl.coalesce("group", "id")).with_columns(number=pl.Series(numbers))
        found.append(wanted.filter(pl.Series(wanted_G[numbers])).unique("number"))
        wanted_G[numbers] = False
    names = pl.concat(found)
    rank_G = np.zeros(len(wanted_G), dtype=np.int64)
    rank_G[names["number"].to_numpy()] = np.arange(names.height)
    return names["name"].gather(rank_G[groups_K])


def make_tables(
    taken: Taken, pool: Pool, labels: Labels, vocabulary: Vocabulary, config: CurateConfig
) -> Tables:
    """Hold words out of every tag, with all their kin, and number what is left.

    Held-out words are the most frequent of the emotion words that are no labels, on the records that stay,
    and so is co-occurrence counted there: whoever has the data set alone can count it again.

    Raises:
        DataError: Word vectors are missing or broken.
    """
    names = pool.tags.names
    kin = _families(taken, names, labels, vocabulary, config)
    hidden = {*kin, *chain.from_iterable(kin.values())}
    label_place = {label: place for place, label in enumerate(labels.names)}
    numbers = {
        "labels": np.array(
            [label_place.get(labels.of_word.get(name, ""), -1) for name in names], dtype=np.int64
        ),
        "tags": np.array(
            [-1 if name in hidden else number for number, name in enumerate(names)], dtype=np.int64
        ),
        "unseen": np.array(
            [number if name in kin else -1 for number, name in enumerate(names)], dtype=np.int64
        ),
    }
    spelt = {"labels": labels.names, "tags": names, "unseen": names}
    words, columns = {}, {}
    for column, numbers_V in numbers.items():
        lists = taken.tags.mapped(numbers_V)
        ranked = ranked_words(lists, taken.groups_K, spelt[column])
        if column == "tags":
            ranked = [entry for entry in ranked if entry[1].count >= config.min_tag_groups][: config.max_tags]
        words[column] = [word for _, word in ranked]
        places_V = numbering([number for number, _ in ranked], len(spelt[column]))
        columns[column] = lists.mapped(places_V).series()
    records = taken.records.with_columns(**columns)
    words["emotions"] = words.pop("labels")
    rows = {split: records.filter(pl.col("split") == split).drop("split") for split in SPLITS}
    return Tables(rows, words, kin)


def _families(
    taken: Taken, names: Sequence[str], labels: Labels, vocabulary: Vocabulary, config: CurateConfig
) -> dict[str, list[str]]:
    """The held-out words, each with the tags that are hidden for it."""
    if config.unseen == 0:
        return {}
    numbered = ranked_words(taken.tags, taken.groups_K, names)
    ranked = [word for _, word in numbered]
    tags = tuple(word.name for word in ranked)
    lists = taken.tags.mapped(numbering([number for number, _ in numbered], len(names)))
    kinship = families.Kinship(
        tags,
        families.word_parts(tags, vocabulary),
        families.carrying_groups(lists, taken.groups_K, len(tags)),
        families.word_directions(tags, config.unseen_vectors),
        cosine=config.unseen_cosine,
        cooccurrence=config.unseen_cooccurrence,
    )
    return families.hold_out(
        kinship,
        ranked,
        list(labels.of_word),
        vocabulary.emotions,
        number=config.unseen,
        floor=config.min_unseen_groups,
    )
