"""WEBEmo: stock photographs by 25, 7 or 2 emotions, as lists of addresses or as downloaded folders.

Its two lists overlap, and each repeats itself: the test list keeps a picture, the train list loses it.
Nothing is fetched: a listed picture is looked for where a download puts it, `images/<list>/<number>/<file>`.
"""

from __future__ import annotations

import filecmp
import re
from collections import defaultdict
from functools import partial
from pathlib import Path
from types import MappingProxyType

from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, picture
from emotionnet.data.benchmarks.folders import read_classes
from emotionnet.data.benchmarks.lists import joined, require_split
from emotionnet.data.benchmarks.text_tables import Faults, inner_path, read_text, rows, whole
from emotionnet.data.row_checks import RowError, shown
from emotionnet.progress import message
from emotionnet.records import DataError, ImageRecord

# Each emotion with those above it, as `category.txt` has them; its 'cheerfullness' and 'irritabilty' are
# spelled right. The paper counts six on the middle level, the file has seven: 'confusion' is its own.
HIERARCHY = {
    "affection": ("love", "positive"),
    "cheerfulness": ("joy", "positive"),
    "confusion": ("confusion", "negative"),
    "contentment": ("joy", "positive"),
    "disappointment": ("sadness", "negative"),
    "disgust": ("anger", "negative"),
    "enthrallment": ("joy", "positive"),
    "envy": ("anger", "negative"),
    "exasperation": ("anger", "negative"),
    "gratitude": ("love", "positive"),
    "horror": ("fear", "negative"),
    "irritability": ("anger", "negative"),
    "lust": ("love", "positive"),
    "neglect": ("sadness", "negative"),
    "nervousness": ("fear", "negative"),
    "optimism": ("joy", "positive"),
    "pride": ("joy", "positive"),
    "rage": ("anger", "negative"),
    "relief": ("joy", "positive"),
    "sadness": ("sadness", "negative"),
    "shame": ("sadness", "negative"),
    "suffering": ("sadness", "negative"),
    "surprise": ("surprise", "positive"),
    "sympathy": ("sadness", "negative"),
    "zest": ("joy", "positive"),
}
LABELS_25 = tuple(HIERARCHY)
LABELS_7 = tuple(sorted({middle for middle, _ in HIERARCHY.values()}))
LABELS_2 = ("positive", "negative")
SPLITS = ("train", "test")
_SPELLED = {"cheerfullness": "cheerfulness", "irritabilty": "irritability"}
_LEVELS = {
    25: tuple(range(25)),
    7: tuple(LABELS_7.index(middle) for middle, _ in HIERARCHY.values()),
    2: tuple(LABELS_2.index(top) for _, top in HIERARCHY.values()),
}


def read_webemo(root: Path, split: str, *, level: int = 25) -> tuple[ImageRecord, ...]:
    """Read `<split>25.txt`, lines `<address> <0..24>`, else the folders `images/<split>25/<0..24>`.

    What the numbers stand for is `category.txt`'s order, or the published one where that file is missing.
    Addresses with one file name are one picture. In folders, where files may have been renamed, only a file
    with both the name and the content of a test picture is one.

    Args:
        root: Its folder.
        split: train or test.
        level: 25, 7 or 2 emotions.

    Raises:
        DataError: A list or folder is missing, or a line is not as above.
    """
    require_split(split, SPLITS)
    names = _numbered_names(root)
    if any((root / f"{one}25.txt").is_file() for one in SPLITS):
        records = _from_list(root, split, names)
        if split == "train":
            records = _without_test(root, records, _from_list(root, "test", names, quiet=True))
    else:
        records = _from_folders(root, split, names)
        if split == "train":
            records = _without_test_files(root, records, _from_folders(root, "test", names))
    above = _LEVELS[level]
    return tuple(picture("webemo", record.path, (above[record.labels[0]],)) for record in records)


def _numbered_names(root: Path) -> tuple[str, ...]:
    """The name of each number, from `category.txt` where it is there."""
    path = root / "category.txt"
    if not path.is_file():
        return LABELS_25
    found = re.findall(r"\(\s*['\"]([^'\"]+)['\"]\s*,", read_text(path))
    names = tuple(_SPELLED.get(name, name) for name in found)
    if sorted(names) != sorted(LABELS_25):
        strange = [name for name in names if name not in HIERARCHY]
        told = f"; unknown: {shown(strange)}" if strange else ""
        raise DataError(f"{path}: must name each of the 25 emotions once; names {len(names)}{told}")
    return names


def _folder(root: Path, split: str) -> str:
    """Where a download lies, or belongs."""
    places = (f"images/{split}25", f"{split}25", f"images/{split}", split)
    return next((place for place in places if (root / place).is_dir()), places[0])


def _from_list(
    root: Path, split: str, names: tuple[str, ...], *, quiet: bool = False
) -> tuple[ImageRecord, ...]:
    path, folder = root / f"{split}25.txt", _folder(root, split)
    faults = Faults()
    first: dict[str, ImageRecord] = {}
    repeated, torn = 0, 0
    for where, row in rows(path, faults, delimiter=None, columns=("address", "number")):
        with faults.at(where):
            number = whole(row["number"], "a label", 0, len(names) - 1)
            file = _file_name(row["address"])
            label = LABELS_25.index(names[number])
            record = picture("webemo", joined(folder, str(number), file), (label,))
            before = first.setdefault(file, record)
            repeated += before is not record
            torn += before.labels != record.labels
    faults.raise_any()
    if not first:
        raise DataError(f"{path}: must list a picture; it lists none")
    if repeated and not quiet:
        message(
            f"{path}: {repeated} lines repeat an earlier picture and are left out, "
            f"{torn} of them with another label"
        )
    return tuple(first.values())


def _file_name(address: str) -> str:
    """The last part of an address, without what follows '?' or '#'."""
    file = re.split(r"[?#]", address, maxsplit=1)[0].rsplit("/", 1)[-1]
    if "://" not in address or not file or "\\" in file:
        raise RowError(f"an address must be a URL that ends in a file name; got {shown(address)}")
    return inner_path(file)


def _from_folders(root: Path, split: str, names: tuple[str, ...]) -> tuple[ImageRecord, ...]:
    numbers = {str(number): name for number, name in enumerate(names)}
    inside = _folder(root, split)
    if not (root / inside).is_dir():
        raise DataError(f"{root}: must hold {split}25.txt or the folder images/{split}25; it holds neither")
    return read_classes(root, ALL, labels=LABELS_25, name="webemo", inside=inside, aliases=numbers)


def _without_test(
    root: Path, train: tuple[ImageRecord, ...], test: tuple[ImageRecord, ...]
) -> tuple[ImageRecord, ...]:
    held = {_name(record) for record in test}
    return _told(root, train, [record for record in train if _name(record) not in held])


def _without_test_files(
    root: Path, train: tuple[ImageRecord, ...], test: tuple[ImageRecord, ...]
) -> tuple[ImageRecord, ...]:
    twins = defaultdict(list)
    for record in test:
        twins[_name(record)].append(record.path)
    kept = [
        record
        for record in train
        if not any(_same(root / record.path, root / twin) for twin in twins.get(_name(record), ()))
    ]
    return _told(root, train, kept)


def _same(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:  # a broken link is no picture, which the opening tells
        return False


def _told(root: Path, train: tuple[ImageRecord, ...], kept: list[ImageRecord]) -> tuple[ImageRecord, ...]:
    if len(kept) < len(train):
        message(f"{root}: {len(train) - len(kept)} pictures of train are in test too; train loses them")
    return tuple(kept)


def _name(record: ImageRecord) -> str:
    return record.path.rsplit("/", 1)[-1]


def _benchmark(level: int, labels: tuple[str, ...]) -> Benchmark:
    return Benchmark(
        name="webemo" if level == 25 else f"webemo{level}",
        title=f"WEBEmo, {level} emotions",
        read=partial(read_webemo, level=level),
        labels=labels,
        splits=SPLITS,
        score="accuracy",
        licence="stock photographs, each with the licence of its seller: review it before use",
        citation=(
            "Rameswar Panda, Jianming Zhang, Haoxiang Li, Joon-Young Lee, Xin Lu, Amit K. Roy-Chowdhury. "
            "Contemplating Visual Emotions: Understanding and Overcoming Dataset Bias. ECCV 2018"
        ),
        layout="{train,test}25.txt, category.txt, images/{train,test}25/<0..24>/<picture>",
        published=MappingProxyType({"train": 213952, "test": 53489}),
        remarks=(
            "the published counts are those of the lists, which overlap: train loses what test has",
            *(("the paper counts six emotions, its category.txt seven",) if level == 7 else ()),
        ),
    )


WEBEMO = _benchmark(25, LABELS_25)
WEBEMO7 = _benchmark(7, LABELS_7)
WEBEMO2 = _benchmark(2, LABELS_2)
