"""EmotionROI: six emotions with an official split; its masks of what evokes them are not read."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from emotionnet.data.benchmarks.benchmark import Benchmark, picture
from emotionnet.data.benchmarks.lists import Listed, folder_inside, joined, require_split
from emotionnet.data.benchmarks.text_tables import Faults, inner_path, label_index, lines
from emotionnet.data.row_checks import RowError, shown
from emotionnet.emotions import LABEL_SETS
from emotionnet.records import ImageRecord

LABELS = LABEL_SETS["ekman6"]
_LISTS = {"train": "training.txt", "test": "testing.txt"}


def read_emotionroi(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `training_testing_split/{training,testing}.txt`, whose lines are `<emotion>/<picture>`.

    Raises:
        DataError: The list cannot be read, or a line names no emotion or a path that leaves the folder.
    """
    require_split(split, tuple(_LISTS))
    outer = folder_inside(root, "EmotionROI")
    path = root / outer / folder_inside(root / outer, "training_testing_split") / _LISTS[split]
    faults, listed = Faults(), Listed(path)
    for where, line in lines(path):
        with faults.at(where):
            emotion, *rest = inner_path(line).split("/")
            if len(rest) != 1:
                raise RowError(f"a line must be <emotion>/<picture>; got {shown(line)}")
            label = label_index(emotion, LABELS)
            listed.add(picture("emotionroi", joined(outer, "images", emotion, rest[0]), (label,)))
    return listed.finish(faults)


EMOTIONROI = Benchmark(
    name="emotionroi",
    title="EmotionROI",
    read=read_emotionroi,
    labels=LABELS,
    splits=tuple(_LISTS),
    score="accuracy",
    licence="not stated; pictures of Flickr remain their owners'",
    citation=(
        "Kuan-Chuan Peng, Amir Sadovnik, Andrew Gallagher, Tsuhan Chen. Where Do Emotions Come From? "
        "Predicting the Emotion Stimuli Map. ICIP 2016"
    ),
    layout="training_testing_split/{training,testing}.txt, images/<emotion>/<picture>",
    published=MappingProxyType({"train": 1386, "test": 594}),
    remarks=("the pictures are those of Emotion6: do not train on one and test on the other",),
)
