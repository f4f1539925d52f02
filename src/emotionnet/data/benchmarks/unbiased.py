"""UnbiasedEmotion, also spelled UnBiasedEmo: the same objects in each of six emotions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, Protocol
from emotionnet.data.benchmarks.folders import read_classes
from emotionnet.data.benchmarks.lists import folder_inside, joined
from emotionnet.records import ImageRecord

LABELS = ("anger", "fear", "joy", "love", "sadness", "surprise")
_FOLDERS = ("UnBiasedEmo", "UnbiasedEmo", "UnBiasedEmotion", "UnbiasedEmotion")


def read_unbiasedemotion(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `images/<emotion>/<object>/<picture>`; the object's folder is the picture's keyword.

    `root` may hold that in a folder with the data set's name, in either spelling.

    Raises:
        DataError: A folder is no emotion, or there are no pictures.
    """
    outer = folder_inside(root, *_FOLDERS)
    inside = joined(outer, folder_inside(root / outer, "images"))
    records = read_classes(root, split, labels=LABELS, name="unbiasedemotion", inside=inside)
    depth = len(Path(inside).parts) + 1  # folders above the object's
    return tuple(replace(record, keywords=tuple(record.path.split("/")[depth:-1])) for record in records)


UNBIASEDEMOTION = Benchmark(
    name="unbiasedemotion",
    title="UnbiasedEmotion (UnBiasedEmo)",
    read=read_unbiasedemotion,
    labels=LABELS,
    splits=(ALL,),
    score="accuracy",
    licence="not stated; pictures found by Google remain their owners'",
    citation=(
        "Rameswar Panda, Jianming Zhang, Haoxiang Li, Joon-Young Lee, Xin Lu, Amit K. Roy-Chowdhury. "
        "Contemplating Visual Emotions: Understanding and Overcoming Dataset Bias. ECCV 2018"
    ),
    layout="images/<emotion>/<object>/<picture>",
    protocol=Protocol(train=0.7, val=0.1, test=0.2),
    published=MappingProxyType({ALL: 3045}),
)
