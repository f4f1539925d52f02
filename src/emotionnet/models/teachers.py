"""A TEACHER at work: opened, and asked for what it says of the tags of records.

Shape letters: M = records, A = teacher's emotions, F = its sentence feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from emotionnet.data.store import Dataset
from emotionnet.models.description import TextModel, read_description
from emotionnet.models.weights import load_weights
from emotionnet.records import ImageRecord
from emotionnet.runs import WEIGHTS, require_run
from emotionnet.text.teacher import TextOutput, TextTeacher, pack

BAGS_PER_STEP = 1024


def load_teacher(folder: Path) -> tuple[TextTeacher, TextModel]:
    """Open a TEACHER; the module is in evaluation mode.

    Raises:
        DataError: The folder is no finished TEACHER, or a file in it is broken.
    """
    require_run(folder)
    model = read_description(folder, TextModel)
    teacher = TextTeacher(
        vocab_size=len(model.tags),
        word_dim=model.word_dim,
        n_classes=len(model.emotions),
        architecture=model.architecture,
        width=model.width,
        max_tags=model.max_tags,
        dropout=model.dropout,
        static=model.static,
    )
    load_weights(teacher, folder / WEIGHTS)
    return teacher.eval(), model


def tag_bags(dataset: Dataset, records: Sequence[ImageRecord], model: TextModel) -> list[list[int]]:
    """Each record's tags as ids of the teacher's vocabulary, by name.

    Tags that it does not know are dropped (Wei et al., CVPR 2020, section 4), and those that it was
    trained without.
    """
    unread = frozenset(model.without)
    ids = {name: index for index, name in enumerate(model.tags) if name not in unread}
    id_of = [ids.get(name) for name in dataset.tag_names]
    return [[known for tag in record.tags if (known := id_of[tag]) is not None] for record in records]


@torch.no_grad()
def teacher_outputs(teacher: TextTeacher, bags: Sequence[Sequence[int]]) -> TextOutput:
    """What a text teacher says of M tag sentences, at least one; float32, shapes (M, A) and (M, F)."""
    steps = range(0, len(bags), BAGS_PER_STEP)
    parts = [teacher(*pack(bags[start : start + BAGS_PER_STEP])) for start in steps]
    return TextOutput(
        scores=torch.cat([part.scores for part in parts]),
        features=torch.cat([part.features for part in parts]),
    )
