"""The first walk through a source: tags become numbers, records with an emotion word go to disk."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, cast

import polars as pl

from emotionnet.curation.funnel import Step
from emotionnet.curation.sources import SOURCE_SCHEMA, Source, without_repeats
from emotionnet.curation.tag_numbers import EncodedTags, TagNumbers, encode_tags
from emotionnet.curation.tags import Vocabulary
from emotionnet.curation.work_files import Rejects, WorkFiles
from emotionnet.progress import track

NO_EMOTION = "no emotion word among its tags"
Item = TypeVar("Item")
_Read = tuple[pl.DataFrame, pl.DataFrame, EncodedTags]


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
    vocabulary: Vocabulary,
    rejects: Rejects,
    work: Path,
    *,
    language: Literal["en"] | None,
    licence: str,
    licences: Collection[str] | None,
) -> Gathered:
    """Go through all records once.

    Args:
        source: Where the records come from.
        vocabulary: The emotion words.
        rejects: Takes the source's own, then those whose id an earlier file has, those without an emotion
            word, and those under another licence.
        work: An existing folder for work files.
        language: See `TagNumbers`.
        licence: Of records that name none.
        licences: The licences that are allowed; None: any.

    Raises:
        DataError: As the source's batches.
    """
    files, tags = WorkFiles(work, "records"), TagNumbers(vocabulary, language)
    rejects.add("source", source.rejects)
    read = own = emotional = 0
    for batch, repeated, encoded in _read_ahead(source.batches, vocabulary):
        rejects.add("id", repeated)
        lists = tags.lists(encoded)
        records = batch.select(SOURCE_SCHEMA.names()).with_columns(
            pl.col("source").fill_null(source.name), pl.col("licence").fill_null(licence), tags=lists.series()
        )
        has_emotion = pl.Series(lists.having(tags.emotional()))
        rejects.add("emotion", records.filter(~has_emotion).select("id", reason=pl.lit(NO_EMOTION)))
        records = records.filter(has_emotion)
        read, own = read + batch.height + repeated.height, own + batch.height
        emotional += records.height
        if licences is not None:
            allowed = pl.col("licence").is_in(list(licences))
            reason = pl.format("its licence is none of those allowed: {}", "licence")
            rejects.add("licence", records.filter(~allowed).select("id", reason=reason))
            records = records.filter(allowed)
        if records.height:
            files.add(records)
    steps = [Step("records read", read + source.rejects.height)]
    if own < read:
        steps.append(Step("with an id of their own", own))
    steps.append(Step("with an emotion word", emotional))
    if licences is not None:
        steps.append(Step("under an allowed licence", files.height))
    return Gathered(files, tags, tuple(steps))


def _read_ahead(batches: Iterable[pl.DataFrame], vocabulary: Vocabulary) -> Iterator[_Read]:
    """The batches, the rejects among them, and their tags.

    Two more threads are at work: one reads, one encodes the batch before, while another is worked on.
    """

    def encode(batch: pl.DataFrame) -> _Read:
        records, repeated = without_repeats(batch)
        return records, repeated, encode_tags(records["tags"], vocabulary)

    return track(_one_ahead(map(encode, _one_ahead(iter(batches)))), "Reading records")


def _one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items; another thread makes the next one while one is worked on."""
    end = object()
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, items, end)
        while (found := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield cast(Item, found)
