"""EmoSet-118K: lists of pictures by split, and a file of attributes for each picture.

The eight emotions stand in an order of their own (that of its `info.json`), so names are what counts.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emotionnet.data.benchmarks.benchmark import Benchmark, picture
from emotionnet.data.benchmarks.lists import Listed, folder_inside, joined, require_split
from emotionnet.data.benchmarks.text_tables import Faults, inner_path, label_index
from emotionnet.data.row_checks import RowError, shown
from emotionnet.files import read_json, read_object
from emotionnet.progress import track
from emotionnet.records import SPLITS, DataError, ImageRecord, is_name

LABELS = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")
ATTRIBUTES = ("brightness", "colorfulness", "scene", "object", "facial_expression", "human_action")


def read_emoset(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `<split>.json`, whose rows are [emotion, image, annotation] or [emotion, id, image, annotation].

    What the annotation file of a picture says of `ATTRIBUTES` becomes keywords such as 'scene:beach'; the
    file, and any attribute in it, may be missing.

    Raises:
        DataError: A file cannot be read, a row has another form, an emotion is unknown or a path leaves the
            folder.
    """
    require_split(split, SPLITS)
    outer = folder_inside(root, "EmoSet-118K")
    path = root / outer / f"{split}.json"
    rows = read_json(path)
    if not isinstance(rows, list):
        raise DataError(f"{path}: must be a list of rows; got {shown(rows)}")
    described = (root / outer / "annotation").is_dir()
    faults, listed = Faults(), Listed(path)
    for number, row in enumerate(track(rows, "Reading EmoSet"), start=1):
        with faults.at(f"{path}: row {number}"):
            emotion, image, annotation = _items(row)
            keywords = _keywords(root / outer / annotation) if described else ()
            label = label_index(emotion, LABELS)
            listed.add(picture("emoset", joined(outer, image), (label,), keywords=keywords))
    return listed.finish(faults)


def _items(row: Any) -> tuple[str, str, str]:
    """Emotion, image and annotation of a row of either form."""
    if not isinstance(row, list) or len(row) not in (3, 4) or not all(is_name(item) for item in row):
        raise RowError(
            "a row must be [emotion, image, annotation] or [emotion, id, image, annotation], all texts; "
            f"got {shown(row)}"
        )
    return row[0], inner_path(row[-2]), inner_path(row[-1])


def _keywords(path: Path) -> tuple[str, ...]:
    if not os.path.isfile(path):  # noqa: PTH113 - a name that is too long is no error
        return ()
    content = read_object(path)
    return tuple(word for name in ATTRIBUTES for word in _words(path, name, content.get(name)))


def _words(path: Path, name: str, value: Any) -> list[str]:
    """One keyword for each value of an attribute; none where it is null."""
    words = []
    for one in value if isinstance(value, list) else [] if value is None else [value]:
        number = isinstance(one, int | float) and not isinstance(one, bool)
        if not is_name(one) and not (number and math.isfinite(one)):
            raise DataError(f"{path}: {name} must be a text, a number or a list of texts; got {shown(one)}")
        words.append(f"{name}:{one:g}" if number else f"{name}:{one}")
    return words


EMOSET = Benchmark(
    name="emoset",
    title="EmoSet-118K",
    read=read_emoset,
    labels=LABELS,
    splits=SPLITS,
    score="accuracy",
    licence="not stated",
    citation=(
        "Jingyuan Yang, Qirui Huang, Tingting Ding, Dani Lischinski, Daniel Cohen-Or, Hui Huang. EmoSet: A "
        "Large-scale Visual Emotion Dataset with Rich Attributes. ICCV 2023"
    ),
    layout="{train,val,test}.json, image/<emotion>/<picture>, annotation/<emotion>/<picture>.json",
    published=MappingProxyType({"train": 94481, "val": 5905, "test": 17716}),
)
