"""What the text side gives each image to learn from; computed once, before training.

Shape letters: M = images of a split, C = emotions, D = embedding size, A = teacher's emotions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from emotionnet.data.store import Dataset
from emotionnet.evaluation.units import Split
from emotionnet.models.description import TextModel, read_description
from emotionnet.models.weights import load_weights
from emotionnet.records import DataError, ImageRecord
from emotionnet.runs import WEIGHTS, require_run
from emotionnet.text.teacher import TextOutput, TextTeacher, pack

BAGS_PER_STEP = 1024


def require_trainable(dataset: Dataset, split: Split, *, learns: bool, labelled: bool = True) -> None:
    """Check that there is something to learn.

    Args:
        dataset: The data set.
        split: One of its splits.
        learns: Whether this split is trained on.
        labelled: Whether each picture must have a label.

    Raises:
        DataError: The data set has fewer than two emotions, a picture no label where it must, or there is a
            single picture to train on.
    """
    if len(dataset.emotions) < 2:
        raise DataError(
            f"{dataset.root}: must have at least 2 emotions to train on; has {len(dataset.emotions)}"
        )
    bare = [record.id for record in split.records if not record.labels]
    if bare and labelled:
        raise DataError(
            f"{dataset.root}: every picture must have a label; {len(bare)} have none, first {bare[0]}"
        )
    if learns and len(split.records) < 2:
        raise DataError(f"{dataset.root}: the train split must hold at least 2 pictures; BatchNorm needs two")


def load_teacher(folder: Path) -> tuple[TextTeacher, TextModel]:
    """Open a TEACHER.

    Raises:
        DataError: The folder is no finished TEACHER, or a file in it is broken.
    """
    require_run(folder)
    model = read_description(folder, TextModel)
    teacher = TextTeacher(
        vocab_size=len(model.tags),
        word_dim=model.word_dim,
        width=model.width,
        n_classes=len(model.emotions),
        max_tags=model.max_tags,
        dropout=model.dropout,
        static=model.static,
    )
    load_weights(teacher, folder / WEIGHTS)
    return teacher.eval(), model


def tag_bags(dataset: Dataset, records: Sequence[ImageRecord], vocabulary: Sequence[str]) -> list[list[int]]:
    """Each record's tags as ids of `vocabulary`, by name; unknown tags are dropped."""
    ids = {name: index for index, name in enumerate(vocabulary)}
    return [
        [ids[name] for tag in record.tags if (name := dataset.tag_names[tag]) in ids] for record in records
    ]


@torch.no_grad()
def teacher_outputs(teacher: TextTeacher, bags: Sequence[Sequence[int]]) -> TextOutput:
    """What a text teacher says of M tag sentences; float32, shapes (M, A) and (M, F)."""
    steps = range(0, len(bags), BAGS_PER_STEP)
    parts = [teacher(*pack(bags[start : start + BAGS_PER_STEP])) for start in steps]
    return TextOutput(
        scores=torch.cat([part.scores for part in parts]),
        features=torch.cat([part.features for part in parts]),
    )
