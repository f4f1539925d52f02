"""EMOTIC's `Annotations.mat`: structs train, val and test, a picture each, with its persons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emotionnet.data.benchmarks.emotic_person import DIMENSIONS, person
from emotionnet.data.benchmarks.lists import joined
from emotionnet.data.benchmarks.mat_files import Structs, numbers, read_mat, structs, text, texts
from emotionnet.data.benchmarks.text_tables import Faults
from emotionnet.data.row_checks import RowError, shown
from emotionnet.progress import track
from emotionnet.records import ImageRecord


def read_annotations_mat(path: Path, split: str, folder: str) -> tuple[ImageRecord, ...]:
    """A record for each person in the file's order; places in messages count from 1, as MATLAB does.

    Args:
        path: The file.
        split: Train has one annotator for each person. In val and test those fields hold several, and
            `combined_categories`, `combined_continuous` are their union and mean: they are read.
        folder: What stands before the folders of the file: `emotic` or nothing.

    Raises:
        DataError: The file is broken, or a picture or person in it is not what it must be.
    """
    faults, records = Faults(), list[ImageRecord]()
    images = Structs()
    with faults.at(path):
        images = structs(read_mat(path, split), split)
    for number, image in enumerate(track(images, f"Reading {split}"), start=1):
        where, place, people = f"{path}: {split}({number})", "", Structs()
        with faults.at(where):
            parts = (
                folder,
                text(_field(image, "folder"), "folder"),
                text(_field(image, "filename"), "filename"),
            )
            place = joined(*parts)
            size = _size(image)
            people = structs(_field(image, "person"), "person")
        for k, one in enumerate(people, start=1):
            with faults.at(f"{where}.person({k})"):
                box = numbers(_field(one, "body_bbox"), "body_bbox", 4)
                records.append(person(place, size, box, _categories(one, split), _dimensions(one, split)))
    faults.raise_any()
    return tuple(records)


def _categories(one: Mapping[str, Any], split: str) -> list[str]:
    if split != "train":
        return texts(_field(one, "combined_categories"), "combined_categories")
    told = structs(_field(one, "annotations_categories"), "annotations_categories")
    if len(told) != 1:
        raise RowError(f"a person of train must have one annotator; has {len(told)}")
    return texts(_field(told[0], "categories"), "categories")


def _dimensions(one: Mapping[str, Any], split: str) -> tuple[float, ...]:
    name = "annotations_continuous" if split == "train" else "combined_continuous"
    value = _field(one, name)
    if isinstance(value, np.ndarray) and value.size == 0:  # nobody was asked
        return (float("nan"),) * len(DIMENSIONS)
    told = structs(value, name)
    if len(told) != 1:
        raise RowError(f"{name} must be one struct; got {len(told)}")
    return tuple(numbers(_field(told[0], dimension), dimension, 1)[0] for dimension in DIMENSIONS)


def _size(image: Mapping[str, Any]) -> tuple[float, float]:
    """Width and height."""
    told = structs(_field(image, "image_size"), "image_size")
    if len(told) != 1:
        raise RowError(f"image_size must be one struct; got {len(told)}")
    return numbers(_field(told[0], "n_col"), "n_col", 1)[0], numbers(_field(told[0], "n_row"), "n_row", 1)[0]


def _field(struct: Mapping[str, Any], name: str) -> Any:
    if name not in struct:
        raise RowError(f"a struct must have the field {name}; has {shown(', '.join(struct))}")
    return struct[name]
