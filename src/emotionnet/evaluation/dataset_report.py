"""What a data set holds: tags.csv, image_tags.parquet, cooccurrence.csv and a page with plots."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from emotionnet.data.store import Dataset, read_dataset
from emotionnet.data.tables import write_parquet
from emotionnet.evaluation import plots
from emotionnet.evaluation.census import (
    counted,
    most_together,
    spread,
    together,
)
from emotionnet.evaluation.rendering import environment
from emotionnet.files import new_folder, refuse_existing, write_text
from emotionnet.records import SPLITS, ImageRecord

TAGS, IMAGE_TAGS, COOCCURRENCE, REPORT = "tags.csv", "image_tags.parquet", "cooccurrence.csv", "report.html"
PARTS = (COOCCURRENCE, TAGS, IMAGE_TAGS, REPORT)
PAIRS = 20
PAGES = environment("emotionnet.evaluation", html=True)
Records = Mapping[str, Sequence[ImageRecord]]


def describe_dataset(root: Path, out: Path, *, overwrite: bool = False) -> dict[str, int]:
    """Count what the pictures of a data set carry.

    Writes into a folder: `tags.csv` (tag, emotion: whether it is one, and the number of pictures that carry
    it, for each split); `image_tags.parquet` (id, emotion_tags, other_tags: each picture's tags, those that
    are emotions apart; training, validation, test); `cooccurrence.csv` (the number of pictures that are
    labelled with both of two emotions, on the diagonal with one) and `report.html`, which stands alone.

    Args:
        root: The DATASET folder.
        out: A new folder.
        overwrite: Replace an earlier description.

    Returns:
        The number of pictures, emotions, tags, and tags that are emotions.

    Raises:
        DataError: The data set is broken, or `out` may not be written; nothing is.
    """
    refuse_existing(out, parts=PARTS, overwrite=overwrite)
    dataset = read_dataset(root)
    records = {split: dataset.checked_records(split) for split in SPLITS}
    everything = [record for split in SPLITS for record in records[split]]
    counts_CC = together([record.given_labels for record in everything], len(dataset.emotions))
    names = dataset.emotion_names
    rows = [(name, *row) for name, row in zip(names, counts_CC.tolist(), strict=True)]
    pairs = most_together(counts_CC, names, most=PAIRS)
    with new_folder(out, parts=PARTS, overwrite=overwrite) as folder:
        write_text(folder / TAGS, _csv(("tag", "emotion", *SPLITS), _tag_rows(dataset, records)))
        write_parquet(folder / IMAGE_TAGS, image_tags(dataset, everything))
        write_text(folder / COOCCURRENCE, _csv(("emotion", *names), rows))
        write_text(folder / REPORT, _page(dataset, records, pairs))
    return {
        "pictures": len(everything),
        "emotions": len(names),
        "tags": len(dataset.tags),
        "emotion_tags": len(set(names) & set(dataset.tag_names)),
    }


def image_tags(dataset: Dataset, records: Sequence[ImageRecord]) -> pl.DataFrame:
    """Each picture's tags in its own order, those that are emotions of the data set apart from the others."""
    emotions, names = frozenset(dataset.emotion_names), dataset.tag_names
    tags = [[names[tag] for tag in record.tags] for record in records]
    return pl.DataFrame(
        {
            "id": [record.id for record in records],
            "emotion_tags": [[tag for tag in some if tag in emotions] for some in tags],
            "other_tags": [[tag for tag in some if tag not in emotions] for some in tags],
        },
        schema={"id": pl.String(), "emotion_tags": pl.List(pl.String()), "other_tags": pl.List(pl.String())},
    )


def _tag_rows(dataset: Dataset, records: Records) -> Iterable[Sequence[Any]]:
    emotions = frozenset(dataset.emotion_names)
    columns = [counted((record.tags for record in records[split]), dataset.tags) for split in SPLITS]
    for row in zip(*columns, strict=True):
        name = row[0].name
        yield (name, "yes" if name in emotions else "no", *(word.count for word in row))


def _page(dataset: Dataset, records: Records, pairs: Sequence[tuple[str, str, int]]) -> str:
    everything = [record for split in SPLITS for record in records[split]]
    labels = {split: [record.given_labels for record in records[split]] for split in SPLITS}
    by_split = [counted(labels[split], dataset.emotions) for split in SPLITS]
    tags = counted((record.tags for record in everything), dataset.tags)
    emotions = counted((bag for split in SPLITS for bag in labels[split]), dataset.emotions)
    per_label = spread(len(bag) for split in SPLITS for bag in labels[split])
    per_tag = spread(len(set(record.tags)) for record in everything)
    return PAGES.get_template("dataset.html.j2").render(
        name=dataset.name,
        splits=[_split_row(split, records[split], labels[split]) for split in SPLITS],
        emotions=[(row[0].name, *(word.count for word in row)) for row in zip(*by_split, strict=True)],
        n_emotions=len(dataset.emotions),
        n_tags=len(dataset.tags),
        pairs=pairs,
        classes=Markup(plots.class_distribution(by_split[0])),
        labels_per_picture=Markup(plots.sizes(per_label, "emotions of a picture")),
        tags_per_picture=Markup(plots.sizes(per_tag, "tags of a picture")),
        ranks=Markup(plots.tag_distribution(tags, emotions, unit="pictures")),
    )


def _split_row(
    split: str, records: Sequence[ImageRecord], labels: Sequence[Sequence[int]]
) -> tuple[str, int, int, float, float]:
    """Split, pictures, groups, and means of emotions and of tags for each picture; 0 of none."""
    count, tags = len(records), sum(len(set(record.tags)) for record in records)
    groups = len({record.group for record in records})
    return split, count, groups, sum(map(len, labels)) / max(count, 1), tags / max(count, 1)


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
