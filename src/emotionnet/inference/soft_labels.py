"""A text teacher's opinion of every picture of a data set, as labels of another one.

Shape letters: M = records of a split, A = teacher's emotions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.folds import link_pictures, read_rejects
from emotionnet.data.store import PARTS, Dataset, read_dataset
from emotionnet.files import new_folder, sha256
from emotionnet.models.description import TextModel
from emotionnet.models.teachers import load_teacher, tag_bags, teacher_outputs
from emotionnet.records import SPLITS, DataError, Word
from emotionnet.runs import WEIGHTS
from emotionnet.text.teacher import TextTeacher

_NOT_INHERITED = (
    "class_floor",
    "config",
    "counts",
    "files",
    "seed",
    "vocabulary",
)  # they tell of other labels


def apply_teacher(teacher: Path, data: Path, out: Path, *, overwrite: bool = False) -> Dataset:
    """Write a DATASET with the pictures, tags, groups and splits of another, labelled by a text teacher.

    Each picture carries all A emotions, weighed by the softmax of the teacher's scores of its tags (Wei
    et al., CVPR 2020, section 4). Tags that the teacher does not know are dropped; a sentence without
    any known tag is all padding, and gets what the teacher says of that.

    Args:
        teacher: The TEACHER folder.
        data: The DATASET folder; it stays as it is.
        out: The folder to write, whole or not at all; pictures are hard links where possible.
        overwrite: Replace an earlier DATASET.

    Returns:
        The new data set. Its `info` names the teacher, the original, and under `without_known_tag`
        the number of pictures none of whose tags the teacher knows.

    Raises:
        DataError: A folder is missing or broken, a picture cannot be read, no picture has a tag that the
            teacher knows, a held-out word would become a label, or `out` may not be written.
    """
    module, model = load_teacher(teacher)
    dataset = read_dataset(data)
    if out.resolve() == data.resolve():
        raise DataError(f"{out}: must be another folder than the data set that is labelled")
    _require_held_out(dataset, model)
    records = {split: dataset.checked_records(split) for split in SPLITS}
    bags = {split: tag_bags(dataset, records[split], model) for split in SPLITS}
    if not any(bag for split in SPLITS for bag in bags[split]):
        raise DataError(f"{data}: some picture must have a tag that the teacher {teacher} knows; none has")
    tables = {split: _labelled(dataset.table(split), _shares(module, bags[split])) for split in SPLITS}
    groups = len({record.group for split in SPLITS for record in records[split]})
    changes = {
        "variant_of": dataset.content_hash,
        "label_space": f"softmax of a text teacher's scores of {len(model.emotions)} emotions",
        "teacher": {"trained_on": model.domain.dataset, "sha256": sha256(teacher / WEIGHTS)},
        "without_known_tag": sum(not bag for split in SPLITS for bag in bags[split]),
    }
    with new_folder(out, parts=PARTS, overwrite=overwrite) as folder:
        link_pictures(dataset, [record for split in SPLITS for record in records[split]], folder)
        write_dataset(
            folder,
            info=_inherited(dataset) | changes,
            words={
                "emotions": [Word(name, groups) for name in model.emotions],
                "tags": dataset.tags,
                "unseen": dataset.unseen,
            },
            tables=tables,
            rejects=[read_rejects(dataset.root / "rejects.parquet")],
        )
    return read_dataset(out)


def _require_held_out(dataset: Dataset, model: TextModel) -> None:
    shared = [name for name in dataset.unseen_names if name in model.emotions]
    if shared:
        raise DataError(
            f"{dataset.root}: held-out words must be no labels; the teacher tells {', '.join(shared[:5])}"
        )


def _shares(teacher: TextTeacher, bags: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    """Softmax of the teacher's scores; float64, shape (M, A), rows sum to 1."""
    if not bags:
        return np.zeros((0, teacher.fc.out_features))
    shares_MA: npt.NDArray[np.float64] = torch.softmax(
        teacher_outputs(teacher, bags).scores.double(), 1
    ).numpy()
    return shares_MA


def _labelled(table: pl.DataFrame, shares_MA: npt.NDArray[np.float64]) -> pl.DataFrame:
    count, emotions = shares_MA.shape
    every_MA = np.broadcast_to(np.arange(emotions, dtype=np.int32), (count, emotions)).copy()
    return table.with_columns(
        labels=_lists(every_MA, pl.Int32()), label_weights=_lists(shares_MA, pl.Float64())
    )


def _lists(rows_MA: npt.NDArray[Any], kind: pl.DataType) -> pl.Series:
    shape = pl.Array(kind, rows_MA.shape[1])
    return (
        pl.Series(rows_MA, dtype=shape).arr.to_list() if len(rows_MA) else pl.Series([], dtype=pl.List(kind))
    )


def _inherited(dataset: Dataset) -> dict[str, Any]:
    info = {name: value for name, value in dataset.info.items() if name not in _NOT_INHERITED}
    return {**info, "name": dataset.name}
