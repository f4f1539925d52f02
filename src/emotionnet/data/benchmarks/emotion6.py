"""Emotion6: distributions over seven emotions, and valence and arousal from 1 to 9."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, picture
from emotionnet.data.benchmarks.lists import Listed, folder_inside, joined, require_split
from emotionnet.data.benchmarks.text_tables import Faults, finite, inner_path, rows
from emotionnet.data.row_checks import RowError
from emotionnet.records import DataError, ImageRecord

LABELS = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
DIMENSIONS = ("valence", "arousal")
RANGES = (1.0, 9.0)
_ROUNDING = 0.01  # how far the shares, rounded in the file, may sum from 1


def read_emotion6(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `ground_truth.txt`: file, valence, arousal and seven shares, by the names in its first line.

    The labels are the emotions with a share above 0, the folder a keyword: the word that the picture was
    searched by.

    Raises:
        DataError: The file cannot be read, lacks a column, or a row has no numbers within their bounds.
    """
    require_split(split, (ALL,))
    outer = folder_inside(root, "Emotion6")
    path = root / outer / "ground_truth.txt"
    faults, listed = Faults(), Listed(path)
    for where, row in rows(path, faults, delimiter="\t"):
        file, *_ = row.values()
        named = {_plain(column): value for column, value in row.items()}
        missing = [name for name in (*DIMENSIONS, *LABELS) if name not in named]
        if missing:
            raise DataError(f"{path}:1: the first line must name {', '.join(missing)}; got {', '.join(row)}")
        with faults.at(where):
            listed.add(_record(joined(outer, "images", inner_path(file)), named))
    return listed.finish(faults)


def _plain(column: str) -> str:
    """What a column is: anger, of '[prob. anger]'."""
    return re.sub(r".*?([a-z_]+)[^a-z_]*$", r"\1", column.lower(), flags=re.DOTALL)


def _record(path: str, named: dict[str, str]) -> ImageRecord:
    shares = [finite(named[label], label, 0, 1) for label in LABELS]
    if abs(sum(shares) - 1) > _ROUNDING:
        raise RowError(f"the shares of the emotions must sum to 1; got {sum(shares):g}")
    given = tuple(index for index, share in enumerate(shares) if share > 0)
    return picture(
        "emotion6",
        path,
        given,
        label_weights=tuple(shares[index] for index in given),
        dimensions=tuple(finite(named[name], name, *RANGES) for name in DIMENSIONS),
        keywords=tuple(path.split("/")[-2:-1]),
    )


EMOTION6 = Benchmark(
    name="emotion6",
    title="Emotion6",
    read=read_emotion6,
    labels=LABELS,
    splits=(ALL,),
    score="accuracy and KL",
    licence="academic research only; copyright of the pictures remains their owners'",
    citation=(
        "Kuan-Chuan Peng, Amir Sadovnik, Andrew Gallagher, Tsuhan Chen. A Mixed Bag of Emotions: Model, "
        "Predict, and Transfer Emotion Distributions. CVPR 2015"
    ),
    layout="ground_truth.txt, images/<emotion>/<number>.jpg",
    dimensions=DIMENSIONS,
    ranges=RANGES,
    published=MappingProxyType({ALL: 1980}),
    remarks=("a picture whose largest share is tied has no single label",),
)
