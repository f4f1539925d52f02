"""FI, also called DeepEmotion: folders of eight emotions, in alphabetical order."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, Protocol
from emotionnet.data.benchmarks.folders import read_classes
from emotionnet.data.benchmarks.lists import folder_inside
from emotionnet.emotions import LABEL_SETS
from emotionnet.records import SPLITS, DataError, ImageRecord

LABELS = LABEL_SETS["mikels8"]
_PUBLISHED = MappingProxyType(
    {
        ALL: 23308,
        "amusement": 4942,
        "anger": 1266,
        "awe": 3151,
        "contentment": 5374,
        "disgust": 1658,
        "excitement": 2963,
        "fear": 1032,
        "sadness": 2922,
    }
)
_CITATION = (
    "Quanzeng You, Jiebo Luo, Hailin Jin, Jianchao Yang. Building a Large Scale Dataset for Image Emotion "
    "Recognition: The Fine Print and The Benchmark. AAAI 2016"
)
_LICENCE = "not stated; pictures of Flickr and Instagram remain their owners'"
_REMARKS = (
    "23,185 pictures were still to be had, some of them placeholders that say 'banned'",
    "no official list of splits",
)


def read_fi(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `emotion_dataset/<emotion>/<picture>`; `root` may be that folder itself.

    Raises:
        DataError: A folder is no emotion, there are no pictures, or the copy is already split.
    """
    inside = folder_inside(root, "emotion_dataset")
    if split == ALL and (root / inside / "train").is_dir():
        raise DataError(
            f"{root / inside}: must hold folders of emotions; it holds train: read it as fi_split"
        )
    return read_classes(root, split, labels=LABELS, name="fi", inside=inside)


def read_fi_split(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `{train,val,test}/<emotion>/<picture>`, as several papers hand FI on.

    Raises:
        DataError: A folder is no emotion, there are no pictures, or the copy lacks the split.
    """
    inside = folder_inside(root, "emotion_dataset")
    return read_classes(root, split, labels=LABELS, name="fi", inside=inside)


FI = Benchmark(
    name="fi",
    title="FI (DeepEmotion)",
    read=read_fi,
    labels=LABELS,
    splits=(ALL,),
    score="accuracy",
    licence=_LICENCE,
    citation=_CITATION,
    layout="emotion_dataset/<emotion>/<picture>",
    protocol=Protocol(train=0.8, val=0.05, test=0.15),
    published=_PUBLISHED,
    remarks=_REMARKS,
)
FI_SPLIT = Benchmark(
    name="fi_split",
    title="FI (DeepEmotion), split by others",
    read=read_fi_split,
    labels=LABELS,
    splits=SPLITS,
    score="accuracy",
    licence=_LICENCE,
    citation=_CITATION,
    layout="{train,val,test}/<emotion>/<picture>",
    protocol=Protocol(train=0.8, val=0.05, test=0.15),
    remarks=(*_REMARKS, "whoever made the splits should be named beside a score"),
)
