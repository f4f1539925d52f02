"""The first walk through a source: tags become numbers, records with an emotion word go to disk."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from emotionnet.curation.funnel import Step
from emotionnet.curation.sources import SOURCE_SCHEMA, Source
from emotionnet.curation.tag_numbers import TagNumbers
from emotionnet.curation.work_files import Rejects, WorkFiles
from emotionnet.progress import track

NO_EMOTION = "no emotion word among its tags"


@dataclass(frozen=True, eq=False)
class Gathered:
    """The records that carry an emotion word and may be used.

    Args:
        files: Their columns as in `SOURCE_SCHEMA`, tags as numbers, source and licence filled in.
        tags: Numbers of all tags of all records.
        steps: What was read, and what each step kept.
    """

    files: WorkFiles
    tags: TagNumbers
    steps: tuple[Step, ...]


def gather(
    source: Source,
    tags: TagNumbers,
    rejects: Rejects,
    work: Path,
    *,
    licence: str,
    licences: Collection[str] | None,
) -> Gathered:
    """Go through all records once.

    Args:
        source: Where the records come from.
        tags: Numbers the tags.
        rejects: Takes those without an emotion word, then those under another licence, with the source's own.
        work: An existing folder for work files.
        licence: Of records that name none.
        licences: The licences that are allowed; None: any.

    Raises:
        DataError: As the source's batches.
    """
    files = WorkFiles(work, "records")
    rejects.add("source", source.rejects)
    read = emotional = 0
    for batch in track(source.batches, "Reading records"):
        lists = tags.lists(batch["tags"])
        records = batch.select(SOURCE_SCHEMA.names()).with_columns(
            pl.col("source").fill_null(source.name), pl.col("licence").fill_null(licence), tags=lists.series()
        )
        has_emotion = pl.Series(lists.having(tags.emotional()))
        rejects.add("emotion", records.filter(~has_emotion).select("id", reason=pl.lit(NO_EMOTION)))
        records = records.filter(has_emotion)
        read, emotional = read + batch.height, emotional + records.height
        if licences is not None:
            allowed = pl.col("licence").is_in(list(licences))
            reason = pl.format("its licence is none of those allowed: {}", "licence")
            rejects.add("licence", records.filter(~allowed).select("id", reason=reason))
            records = records.filter(allowed)
        if records.height:
            files.add(records)
    steps = [Step("records read", read + source.rejects.height), Step("with an emotion word", emotional)]
    if licences is not None:
        steps.append(Step("under an allowed licence", files.height))
    return Gathered(files, tags, tuple(steps))
