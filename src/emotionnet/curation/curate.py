"""From web records to a DATASET: read, clean, group, choose, split, write."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import polars as pl

from emotionnet.config import CurateConfig
from emotionnet.curation import families, selection
from emotionnet.curation.emoji import unpack_emoji
from emotionnet.curation.keyword_pictures import read_keyword_pictures
from emotionnet.curation.openclipart import read_openclipart
from emotionnet.curation.output import Curated, write_curated
from emotionnet.curation.pool import Pool, usable_records
from emotionnet.curation.sources import Source, read_source
from emotionnet.curation.tags import Vocabulary, emotion_vocabulary
from emotionnet.data.store import PARTS, Dataset, read_dataset
from emotionnet.emotions import word_families
from emotionnet.files import cache_folder, refuse_existing
from emotionnet.records import SPLITS, DataError, Word

FEWEST_EMOTIONS = 2


@dataclass(frozen=True)
class Choice:
    """The records that stay and their splits, their labels and held-out words as tag tables."""

    pool: Pool
    labels: pl.DataFrame
    unseen: pl.DataFrame
    families: Mapping[str, Sequence[str]]
    split_of: Mapping[str, str]


def curate(config: CurateConfig, *, overwrite: bool = False) -> Dataset:
    """Make a DATASET of web records.

    Same source, config and versions: the same files, byte for byte. Every record that is
    left out is in `rejects.parquet`, with the reason.

    Args:
        config: What to read, and what to keep.
        overwrite: Replace an earlier DATASET.

    Raises:
        DataError: The source or the vocabulary is broken, fewer than two emotions have enough
            groups, a split is empty, or `config.out` may not be written.
    """
    refuse_existing(config.out, parts=PARTS, overwrite=overwrite)
    vocabulary = emotion_vocabulary(config.vocabulary)
    with _open(config.source) as source:
        pool = usable_records(
            source,
            vocabulary,
            licence=config.licence,
            near_duplicate_bits=config.near_duplicate_bits,
            group_pictures=config.group_pictures,
            short_side=config.short_side,
            seed=config.seed,
        )
        choice = choose(pool, vocabulary, config)
        tables, words = _tables(choice, config.min_tag_groups)
        curated = Curated(tables, words, choice.families, choice.pool.rejects)
        write_curated(config, source, vocabulary, curated, overwrite=overwrite)
    return read_dataset(config.out)


@contextlib.contextmanager
def _open(source: Path | str) -> Iterator[Source]:
    if isinstance(source, Path):
        yield read_keyword_pictures(source) if source.is_dir() else read_source(source)
        return
    if source == "openclipart":
        yield read_openclipart()
        return
    with tempfile.TemporaryDirectory(prefix="emotionnet-") as folder:
        yield unpack_emoji(cache_folder() / "npm", Path(folder))


def choose(pool: Pool, vocabulary: Vocabulary, config: CurateConfig) -> Choice:
    """Choose labels, share the groups out, then hold words out of every tag, with all their kin.

    Labels are the emotion words, or the families of such words, that `min_emotion_groups` groups
    carry; a record needs one.
    Held-out words are the most frequent of the others on the records that stay, and so is
    co-occurrence counted there: whoever has the data set alone can count it again.

    Raises:
        DataError: Fewer than two emotions are labels, a split is empty, or word vectors are
            missing or broken.
    """
    tag = pl.col("tag")
    label_of = _label_of(vocabulary, config.labels)
    emotion_table = pool.table.filter(tag.is_in(list(label_of)))
    label_table = emotion_table.with_columns(tag.replace_strict(label_of)).unique(maintain_order=True)
    emotions = selection.count_groups(label_table, pool.groups)
    labels = [word.name for word in emotions if word.count >= config.min_emotion_groups]
    if len(labels) < FEWEST_EMOTIONS:
        raise DataError(_too_few(emotions, config.min_emotion_groups, vocabulary))
    label_table = label_table.filter(tag.is_in(labels))
    seen = [word for word, label in label_of.items() if label in labels]
    split_of = _split(label_table, labels, pool.groups, config)
    labelled = pool.records.join(label_table, on="row", how="semi")
    taken = labelled.filter(pl.col("group").is_in(sorted(split_of))).select("row", "group")
    kin = _families(pool.table, taken, seen, vocabulary, config)
    unseen_table = pool.table.filter(tag.is_in(list(kin)))
    hidden = [*kin, *chain.from_iterable(kin.values())]
    kept = Pool(pool.records, pool.table.filter(~tag.is_in(hidden)), pool.rejects)
    kept = _labelled(kept, label_table, unseen_table, config.min_emotion_groups)
    over = kept.records.join(taken, on="row", how="anti", maintain_order="left")
    kept = kept.without(over.select("row", "id", reason=pl.lit("left over by the split sizes")))
    return Choice(kept, label_table, unseen_table, kin, split_of)


def _label_of(vocabulary: Vocabulary, labels: Literal["words", "mikels8", "ekman6"]) -> dict[str, str]:
    """The label that each emotion word gives a picture: itself, or its family of a label set."""
    words = sorted(vocabulary.emotions)
    if labels == "words":
        return {word: word for word in words}
    family_of = word_families(labels)
    return {word: family_of[word] for word in words if word in family_of}


def _labelled(pool: Pool, labels: pl.DataFrame, unseen: pl.DataFrame, floor: int) -> Pool:
    """The pool less the records that have no label."""
    without = pool.records.join(labels, on="row", how="anti", maintain_order="left")
    reason = (
        pl.when(pl.col("row").is_in(unseen["row"].implode()))
        .then(pl.lit("no emotion label (only held-out words)"))
        .otherwise(pl.lit(f"no emotion label (fewer than {floor} groups carry its words)"))
    )
    return pool.without(without.select("row", "id", reason=reason))


def _families(
    table: pl.DataFrame,
    groups: pl.DataFrame,
    labels: Sequence[str],
    vocabulary: Vocabulary,
    config: CurateConfig,
) -> dict[str, list[str]]:
    """The held-out words, each with the tags that are hidden for it."""
    if config.unseen == 0:
        return {}
    ranked = selection.count_groups(table, groups)
    tags = tuple(word.name for word in ranked)
    kinship = families.Kinship(
        tags,
        families.word_parts(tags, vocabulary),
        families.carrying_groups(tags, table, groups),
        families.word_directions(tags, config.unseen_vectors),
        cosine=config.unseen_cosine,
        cooccurrence=config.unseen_cooccurrence,
    )
    return families.hold_out(
        kinship,
        ranked,
        labels,
        vocabulary.emotions,
        number=config.unseen,
        floor=config.min_unseen_groups,
    )


def _too_few(emotions: Sequence[Word], floor: int, vocabulary: Vocabulary) -> str:
    most = ", ".join(f"{word.name} {word.count}" for word in emotions[:5]) or "none at all"
    return (
        f"at least {FEWEST_EMOTIONS} emotions must be carried by {floor} groups; the most frequent words of "
        f"{vocabulary.name} are {most}; lower min_emotion_groups or give more records"
    )


def _split(
    label_table: pl.DataFrame, labels: Sequence[str], groups: pl.DataFrame, config: CurateConfig
) -> dict[str, str]:
    """The split of each group that one takes; none may be empty."""
    carried = label_table.join(groups, on="row").select("tag", "group").unique()
    by_label: Mapping[str, list[str]] = dict(carried.group_by("tag").agg("group").iter_rows())
    carriers = {label: by_label[label] for label in labels}
    split_of = selection.assign_splits(carriers, config.splits, config.seed)
    sizes = config.splits.model_dump()
    faults = [
        f"the {split} split must hold at least one group; it is empty: lower "
        + " or ".join(f"splits.{name} (now {sizes[name]})" for name in ("test", "val") if name != split)
        for split in SPLITS
        if split not in split_of.values()
    ]
    if faults:
        raise DataError(faults)
    return split_of


def _tables(choice: Choice, min_tag_groups: int) -> tuple[dict[str, pl.DataFrame], dict[str, list[Word]]]:
    """The rows of each split and the words of each vocabulary, counted over what is kept."""
    records = choice.pool.records
    words = {}
    for name, table in (("emotions", choice.labels), ("tags", choice.pool.table), ("unseen", choice.unseen)):
        words[name] = selection.count_groups(table, choice.pool.groups)
    words["tags"] = [word for word in words["tags"] if word.count >= min_tag_groups]
    for column, name, table in (
        ("labels", "emotions", choice.labels),
        ("tags", "tags", choice.pool.table),
        ("unseen", "unseen", choice.unseen),
    ):
        indices = _indices(table, words[name]).rename({"index": column})
        records = records.drop(column, strict=False).join(
            indices, on="row", how="left", maintain_order="left"
        )
        records = records.with_columns(pl.col(column).fill_null([]))
    split = pl.col("group").replace_strict(dict(choice.split_of), return_dtype=pl.String)
    return {name: records.filter(split == name) for name in SPLITS}, words


def _indices(table: pl.DataFrame, words: Sequence[Word]) -> pl.DataFrame:
    """Columns row and index: the sorted indices of a record's tags among `words`."""
    names = pl.DataFrame({"tag": [word.name for word in words]}, schema={"tag": pl.String})
    numbered = names.with_row_index("index").cast({"index": pl.Int32})
    return table.join(numbered, on="tag").group_by("row").agg(pl.col("index").sort())
