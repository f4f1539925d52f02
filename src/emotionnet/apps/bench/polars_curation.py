"""Curation as one would write it by hand with Polars, in memory, for records without hashes of pictures."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import simplemma

from emotionnet.apps.bench.literal_curation import emotion_words
from emotionnet.config import CurateConfig

TAG = pl.col("tag")


def make_polars(config: CurateConfig) -> Callable[[], float]:
    """A contender whose round is one curation into `config.out`; the rate is records per second."""

    def one_round() -> float:
        started = time.perf_counter()
        records, rejects = polars_curation(config)
        config.out.mkdir(exist_ok=True)
        for (split,), table in records.group_by("split"):
            table.write_parquet(config.out / f"{split}.parquet")
        rejects.write_parquet(config.out / "rejects.parquet")
        return (len(records) + len(rejects)) / (time.perf_counter() - started)

    return one_round


def polars_curation(config: CurateConfig) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Curate a Parquet file of records whose pictures are URLs; no words are held out.

    Returns:
        What is kept, with split, group, labels and tags; and what is not, with id and reason.
    """
    emotions = emotion_words(config)
    source = Path(config.source)
    records = pl.read_parquet(source).with_row_index("row")
    records = records.with_columns(
        pl.col("group").fill_null(pl.col("id")),
        pl.col("source").fill_null(source.stem),
        pl.col("licence").fill_null(config.licence),
    )
    table = tag_table(records, emotions, config.tag_language)
    rejects = []

    def drop(lost: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
        rejects.append(lost.select("id", reason=reason))
        return records.join(lost, on="row", how="anti", maintain_order="left")

    carrying = table.filter(TAG.is_in(emotions))
    records = drop(records.join(carrying, on="row", how="anti"), pl.lit("no emotion word among its tags"))
    if config.licences is not None:
        allowed = pl.col("licence").is_in(config.licences)
        records = drop(
            records.filter(~allowed), pl.format("its licence is none of those allowed: {}", "licence")
        )
    records = drop(_later(records, "url"), pl.format("same picture as {}", "first"))
    tag_sets = table.group_by("row").agg(TAG.sort().str.join("\n"))
    records = records.join(tag_sets, on="row", maintain_order="left")
    records = drop(_later(records, "source", "tag"), pl.format("same tags as {}", "first"))
    groups = records.select("row", "group")
    ranked = _ranked(table.filter(TAG.is_in(emotions)).join(groups, on="row"), config.min_emotion_groups)
    labels = ranked["tag"].head(config.max_emotions or len(ranked)).to_list()
    labelled = table.filter(TAG.is_in(labels))
    why = f"no emotion label (fewer than {config.min_emotion_groups} groups carry its words)"
    records = drop(records.join(labelled, on="row", how="anti"), pl.lit(why))
    split_of = _splits(labelled.join(groups, on="row"), labels, config)
    records = records.join(split_of, on="group", how="left", maintain_order="left")
    records = drop(records.filter(pl.col("split").is_null()), pl.lit("left over by the split sizes"))
    kept = table.join(records.select("row", "group"), on="row")
    tags = _ranked(kept, config.min_tag_groups)["tag"]
    for name, words in (("labels", labels), ("tags", tags.head(config.max_tags or len(tags)))):
        lists = kept.filter(TAG.is_in(words)).group_by("row").agg(TAG.alias(name))
        records = records.drop(name, strict=False).join(lists, on="row", how="left", maintain_order="left")
    return records.select("id", "split", "group", "labels", pl.col("tags").fill_null([])), pl.concat(rejects)


def tag_table(records: pl.DataFrame, emotions: set[str], language: str | None) -> pl.DataFrame:
    """A line for each record and good tag, forms merged."""
    cleaned = TAG.str.replace(r"(?s)\^.*$", "").str.replace_all(r"[_\s]+", " ").str.strip_chars()
    good = (TAG.str.len_chars() >= 3) & TAG.str.contains(r"\p{L}") & ~TAG.str.contains(r"\p{N}")
    table = records.select("row", tag="tags").explode("tag").with_columns(cleaned.str.to_lowercase())
    table = table.filter(good | TAG.is_in(emotions)).unique(maintain_order=True)
    forms = table.group_by("tag").len()
    words = [
        word if word in emotions or " " in word else simplemma.lemmatize(word, lang="en").lower()
        for word in forms["tag"]
    ]
    forms = forms.with_columns(word=pl.Series(words, dtype=pl.String))
    if language is not None:
        known = [
            tag in emotions
            or all(simplemma.is_known(word, lang=language) for word in re.findall(r"[\w']+", tag))
            for tag in forms["tag"]
        ]
        forms = forms.filter(pl.Series(known, dtype=pl.Boolean))
    forms = forms.sort("len", "tag", descending=[True, False])
    seen = pl.col("word").is_in([*emotions, *forms["tag"]])
    name = pl.when(seen).then("word").otherwise(TAG.first().over("word"))
    merged = table.join(forms.select("tag", name=name), on="tag", maintain_order="left")
    return merged.select("row", tag="name").unique(maintain_order=True)


def _later(records: pl.DataFrame, *key: str) -> pl.DataFrame:
    """The records that equal an earlier one."""
    first = pl.col("id").first().over(key)
    return records.with_columns(first=first).filter(pl.col("id") != pl.col("first"))


def _ranked(table: pl.DataFrame, floor: int) -> pl.DataFrame:
    """The tags that so many groups carry, most first."""
    counts = table.group_by("tag").agg(count=pl.col("group").n_unique()).filter(pl.col("count") >= floor)
    return counts.sort("count", "tag", descending=[True, False])


def _splits(carried: pl.DataFrame, labels: list[str], config: CurateConfig) -> pl.DataFrame:
    """The split of each group: the emotions take turns."""
    by_label = dict(carried.group_by("tag").agg(pl.col("group").unique().sort()).iter_rows())
    rng = np.random.default_rng(config.seed)
    shuffled = [np.array(by_label[label])[rng.permutation(len(by_label[label]))].tolist() for label in labels]
    split_of: dict[str, str] = {}
    for split in ("test", "val", "train"):
        for groups in shuffled:
            left = getattr(config.splits, split)
            for group in groups:
                if left and group not in split_of:
                    split_of[group], left = split, left - 1
    return pl.DataFrame({"group": list(split_of), "split": list(split_of.values())})
