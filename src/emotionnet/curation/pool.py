"""The records that are still in, their tags, and why the others are out."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from emotionnet.curation import selection, tags
from emotionnet.curation.duplicates import merge_look_alikes
from emotionnet.curation.pictures import look_at
from emotionnet.curation.sources import Source
from emotionnet.curation.tags import Vocabulary

NO_EMOTION = "no emotion word among its tags"


@dataclass(frozen=True)
class Pool:
    """Records with a number each in `row`, their tag table, and the rejects (id, reason) so far."""

    records: pl.DataFrame
    table: pl.DataFrame
    rejects: pl.DataFrame

    def without(self, rejected: pl.DataFrame) -> Pool:
        """The pool less the records in `rejected` (columns row, id and reason)."""
        return Pool(
            self.records.join(rejected, on="row", how="anti", maintain_order="left"),
            self.table.join(rejected, on="row", how="anti", maintain_order="left"),
            pl.concat([self.rejects, rejected.select("id", "reason")]),
        )

    def without_those_lacking(self, table: pl.DataFrame, reason: str) -> Pool:
        """The pool less the records that have no line in a tag table."""
        lacking = self.records.join(table, on="row", how="anti", maintain_order="left")
        return self.without(lacking.select("row", "id", reason=pl.lit(reason)))

    @property
    def groups(self) -> pl.DataFrame:
        return self.records.select("row", "group")


def usable_records(
    source: Source,
    vocabulary: Vocabulary,
    *,
    licence: str,
    near_duplicate_bits: int,
    group_pictures: int | None = None,
    short_side: int | None = None,
    seed: int = 0,
) -> Pool:
    """Everything that can be said of a record without counting the others' emotions.

    Dropped are, in this order, records without an emotion word, of a group of the source that has
    more than it may, with a picture that cannot be used, with the very picture of an earlier
    record, and with the tags of an earlier record of the same source (Wei et al. 2020,
    section 3). Pictures are decoded only where there is an emotion word. Groups are those of
    the source, then look-alikes joined.

    Args:
        source: Where the records come from.
        vocabulary: The emotion words.
        licence: Of records that name none.
        near_duplicate_bits: See `merge_look_alikes`.
        group_pictures: The most records of one group of the source; None: all.
        short_side: See `stored_content`.
        seed: Draws which records of a group.

    Returns:
        A pool whose records have the columns of the source and row, sha256 and look.
    """
    records = (
        source.records.drop("sha256", "look")
        .with_row_index("row")
        .with_columns(pl.col("source").fill_null(source.name), pl.col("licence").fill_null(licence))
    )
    table = tags.merge_forms(tags.tag_table(records, vocabulary), vocabulary)
    pool = Pool(records, table, source.rejects)
    emotions = table.filter(pl.col("tag").is_in(sorted(vocabulary.emotions)))
    pool = pool.without_those_lacking(emotions, NO_EMOTION)
    if group_pictures is not None:
        over = selection.beyond(pool.records, group_pictures, seed)
        pool = pool.without(over)
    pool = _look(pool, source, short_side)
    picture = pl.when(pl.col("sha256") != "").then("sha256").otherwise("image")
    pool = pool.without(selection.twins(pool.records, picture, "same picture as"))
    tagged = pool.records.join(selection.tag_sets(pool.table), on="row", maintain_order="left")
    pool = pool.without(selection.twins(tagged, pl.struct("source", "tag_set"), "same tags as"))
    grouped = pool.records.with_columns(pl.col("group").fill_null(pl.col("id")))
    return Pool(merge_look_alikes(grouped, near_duplicate_bits), pool.table, pool.rejects)


def _look(pool: Pool, source: Source, short_side: int | None) -> Pool:
    seen = look_at(pool.records, source.root, short_side)
    records = pool.records.join(seen, on="row", maintain_order="left")
    faulty = records.filter(pl.col("fault").is_not_null()).select("row", "id", reason="fault")
    return Pool(records.drop("fault"), pool.table, pool.rejects).without(faulty)
