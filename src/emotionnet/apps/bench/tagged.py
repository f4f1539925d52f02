"""Folders to train from: pictures with tags and labels, word vectors, and a teacher, of the sizes of 2020."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from emotionnet.apps.bench.photographs import photographs
from emotionnet.config import TeacherConfig, TextConfig, TextDataConfig
from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.store import PARTS
from emotionnet.files import new_folder
from emotionnet.records import SPLITS, Word
from emotionnet.text.vectors import WordVectors, write_vectors
from emotionnet.training.run import train_teacher

N_EMOTIONS, N_TAGS, N_DIMENSIONS = 690, 2000, 300  # the emotions are the first of the tags
TAGS_OF_A_PICTURE, LABELS_OF_A_PICTURE = 30, 3
TO_VALIDATE = 4  # pictures


@dataclass(frozen=True)
class Tagged:
    """A DATASET, the files of its training split, VECTORS and a TEACHER."""

    dataset: Path
    files: Sequence[Path]
    vectors: Path
    teacher: Path


def tagged(folder: Path, *, pictures: int, files: int, width: int, height: int) -> Tagged:
    """Write the folders; labels, tags, vectors and the teacher's weights are random.

    Args:
        folder: Where they go; new.
        pictures: Records to train on.
        files: Different photographs; records share them where there are more.
        width: Of a photograph, in pixels.
        height: Of a photograph, in pixels.
    """
    rng = np.random.default_rng(0)
    names = [f"word {number}" for number in range(N_TAGS)]
    dataset, vectors, teacher = (folder / name for name in ("dataset", "vectors", "teacher"))
    with new_folder(dataset, parts=PARTS, overwrite=False) as root:
        places = photographs(root / "images", min(files, pictures), width=width, height=height)
        paths = [f"images/{places[number % len(places)].name}" for number in range(pictures)]
        rows = {"train": _rows("train", paths, rng), "val": _rows("val", paths[:TO_VALIDATE], rng)}
        rows["test"] = rows["val"]
        words = [Word(name, 1) for name in names]
        write_dataset(
            root,
            info={"name": "photographs", "source": "made up", "licences": []},
            words={"emotions": words[:N_EMOTIONS], "tags": words, "unseen": []},
            tables={split: rows[split] for split in SPLITS},
            rejects=[],
        )
    with new_folder(vectors, parts=("vectors.json",), overwrite=False) as root:
        values_VD = rng.normal(size=(N_TAGS, N_DIMENSIONS)).astype(np.float32)
        write_vectors(WordVectors(tuple(names), values_VD), root, info={"method": "random"})
    config = TeacherConfig(
        data=TextDataConfig(root=dataset), text=TextConfig(vectors=vectors), epochs=0, out=teacher
    )
    train_teacher(config)
    return Tagged(dataset, [dataset / path for path in paths], vectors, teacher)


def _rows(split: str, paths: Sequence[str], rng: np.random.Generator) -> pl.DataFrame:
    lists = {name: pl.List(pl.Int32()) for name in ("labels", "tags", "unseen")}
    rows = [
        {
            "id": f"{split}/{number}",
            "path": path,
            "labels": sorted(rng.choice(N_EMOTIONS, LABELS_OF_A_PICTURE, replace=False).tolist()),
            "tags": sorted(rng.choice(N_TAGS, TAGS_OF_A_PICTURE, replace=False).tolist()),
            "unseen": [],
            "group": f"{split}/{number}",
            "source": "made up",
            "licence": "MIT",
            "sha256": "",
        }
        for number, path in enumerate(paths)
    ]
    return pl.DataFrame(rows, schema_overrides=lists)
