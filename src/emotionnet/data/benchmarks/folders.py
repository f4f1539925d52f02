"""Benchmarks with one folder for each class, whose names are matched with the benchmark's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from emotionnet.data.benchmarks.benchmark import picture
from emotionnet.data.benchmarks.lists import joined, require_split
from emotionnet.data.benchmarks.text_tables import Faults, label_index
from emotionnet.data.image_folders import read_folders
from emotionnet.records import ImageRecord

ALIASES: Mapping[str, str] = {
    "sad": "sadness",
    "content": "contentment",
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "surprised": "surprise",
}


def read_classes(
    root: Path,
    split: str,
    *,
    labels: Sequence[str],
    name: str,
    inside: str = "",
    aliases: Mapping[str, str] = ALIASES,
) -> tuple[ImageRecord, ...]:
    """List the pictures that lie in the folders of a benchmark's classes, by label and then by path.

    Args:
        root: The data set's folder; paths are relative to it.
        split: One that its folders are named after, or `ALL` where they are named after classes.
        labels: Names of the classes; folders may have them in whatever case.
        name: The benchmark.
        inside: The folder of `root` that holds those of classes or splits; empty: `root` itself.
        aliases: What other names of folders, in lower case, stand for.

    Raises:
        DataError: A folder has an unknown name, there are no pictures, or none in this split.
    """
    base = root / inside
    listing = read_folders(base)
    require_split(split, tuple(listing.records))
    faults, place = Faults(), {}
    for number, folder in enumerate(listing.labels):
        with faults.at(base):
            place[number] = label_index(folder, labels, aliases)
    faults.raise_any()
    found = sorted((place[record.labels[0]], record.path) for record in listing.records[split])
    return tuple(picture(name, joined(inside, path), (index,)) for index, path in found)
