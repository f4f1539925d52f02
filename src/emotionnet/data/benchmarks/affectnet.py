"""AffectNet: faces with an expression, valence and arousal, in tables (older) or in arrays (newer layout)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import numpy as np

from emotionnet.data.benchmarks.benchmark import Benchmark, picture
from emotionnet.data.benchmarks.lists import require_split
from emotionnet.data.benchmarks.rows import numbered
from emotionnet.data.benchmarks.text_tables import Faults, finite, inner_path, lines, rows, whole
from emotionnet.data.row_checks import RowError
from emotionnet.progress import message, track
from emotionnet.records import DataError, ImageRecord, first_line

NAME = "affectnet"
LABELS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
DIMENSIONS = ("valence", "arousal")
SPLITS = ("train", "test")
_TABLES = {"train": "training.csv", "test": "validation.csv"}
_FOLDERS = {"train": "train_set", "test": "val_set"}
_IMAGES = "Manually_Annotated_Images"
_LAST = 10  # 8 none, 9 uncertain, 10 no face
_COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
_MISSING = -2
_MAX_ARRAY = 2**16


def read(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Read `training.csv` and `validation.csv`, else the folders `train_set` and `val_set`.

    The validation set is the field's test split, so it is `test` here. Expressions 8 to 10 are no emotions:
    they are left out, and how many is told. A valence or arousal of -2, or without a file, is NaN.

    Raises:
        DataError: Neither layout is there, or a row or array is not what it must be.
    """
    require_split(split, SPLITS)
    table, folder = root / _TABLES[split], root / _FOLDERS[split]
    if not table.is_file() and (root / _IMAGES / table.name).is_file():
        table = root / _IMAGES / table.name
    if table.is_file():
        found = _of_table(table)
    elif (folder / "images").is_dir():
        found = _of_arrays(root, folder)
    else:
        raise DataError(f"{root}: must hold {table.name} or {folder.name}/images; it holds neither")
    faults, kept, left = Faults(), list[ImageRecord](), Counter[int]()
    for where, path, values in found:
        with faults.at(where):
            expression = whole(values[0], "expression", 0, _LAST)
            if expression >= len(LABELS):
                left[expression] += 1
                continue
            dimensions = tuple(map(_dimension, values[1:], DIMENSIONS))
            kept.append(picture(NAME, inner_path(path), (expression,), dimensions=dimensions))
    faults.raise_any()
    if left:
        counted = ", ".join(f"{number} of {expression}" for expression, number in sorted(left.items()))
        message(f"{root}: {split}: left out, as no emotions: expression {counted}")
    return numbered(root, kept)


def _dimension(text: str, name: str) -> float:
    if not text:
        return math.nan
    value = finite(text, name, _MISSING, 1)
    if value != _MISSING and value < -1:
        raise RowError(f"{name} must be a number from -1 to 1, or -2 for none; got {text}")
    return math.nan if value == _MISSING else value


def _of_table(table: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Place, path and the texts of expression, valence and arousal; validation.csv may lack the header."""
    faults = Faults()
    _, start = next(lines(table), ("", ""))
    columns = None if _COLUMNS[0] in start else _COLUMNS
    needs = (_COLUMNS[0], "expression", *DIMENSIONS)
    for where, row in rows(table, faults, delimiter=",", columns=columns, needs=needs):
        values = tuple(row[name] for name in ("expression", *DIMENSIONS))
        yield where, f"{_IMAGES}/{row[_COLUMNS[0]]}", values
    faults.raise_any()


def _of_arrays(root: Path, folder: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    images = sorted((folder / "images").iterdir(), key=lambda path: (len(path.stem), path.name))
    faults = Faults()
    for image in track(images, f"Reading {folder.name}"):
        if image.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            continue
        stem = folder / "annotations" / image.stem
        with faults.at(image):
            values = tuple(_scalar(stem.with_name(f"{stem.name}_{key}.npy")) for key in ("exp", "val", "aro"))
            yield str(image), image.relative_to(root).as_posix(), values
    faults.raise_any()


def _scalar(path: Path) -> str:
    """The one number or text of an array; nothing where a valence or arousal has no file."""
    try:
        if path.stat().st_size > _MAX_ARRAY:
            raise DataError(f"{path}: an annotation must have at most {_MAX_ARRAY:,} bytes; has more")
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        if path.stem.endswith("_exp"):
            raise DataError(f"{path}: file not found") from None
        return ""
    except DataError:
        raise
    except Exception as error:  # a broken array can fail in many ways
        raise DataError(f"{path}: must be a NumPy array; {first_line(error):.200}") from None
    if not isinstance(array, np.ndarray) or array.size != 1 or array.dtype.kind not in "iufU":
        raise DataError(f"{path}: must hold one number")
    return str(array.item()).strip()


AFFECTNET = Benchmark(
    name=NAME,
    title="AffectNet",
    read=read,
    labels=LABELS,
    splits=SPLITS,
    score="accuracy; CCC of valence and arousal",
    licence="research only, under its own agreement",
    citation="Mollahosseini, Hasani, Mahoor, 'AffectNet: A Database for Facial Expression, Valence, and "
    "Arousal Computing in the Wild', IEEE Transactions on Affective Computing 2017",
    layout="training.csv, validation.csv, Manually_Annotated_Images/<path>; "
    "or {train_set,val_set}/images/<id>.jpg, annotations/<id>_{exp,val,aro}.npy",
    dimensions=DIMENSIONS,
    ranges=(-1.0, 1.0),
    published=MappingProxyType(
        {
            "train": 287_651,
            "test": 4_000,
            "train/neutral": 74_874,
            "train/happy": 134_415,
            "train/sad": 25_459,
            "train/surprise": 14_090,
            "train/fear": 6_378,
            "train/disgust": 3_803,
            "train/anger": 24_882,
            "train/contempt": 3_750,
        }
    ),
    remarks=(
        "Its validation set is the field's test split.",
        "Expressions 8 (none), 9 (uncertain) and 10 (no face) are left out.",
        "The newer layout has 3,999 pictures for test.",
    ),
)
