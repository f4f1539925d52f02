"""A text teacher's tags as points, for labels to be told by. Shape letters: V = tags, D = embedding size."""

from __future__ import annotations

import torch

from emotionnet.inference.label_points import TeacherWords
from emotionnet.models.description import TextModel
from emotionnet.text.teacher import TextTeacher
from emotionnet.text.vectors import WordVectors


def teacher_words(teacher: TextTeacher, model: TextModel) -> TeacherWords:
    """What a text teacher makes of each tag that it knows, by itself.

    The 2020 code read past its table for a word that the teacher does not know; here it is id V, as in the
    teacher's own validation.

    Raises:
        DataError: The teacher's tags are not distinct, or a feature is not finite.
    """
    with torch.no_grad():
        features_VD = teacher.tag_features(torch.arange(len(model.tags) + 1)).float().cpu().numpy()
    return TeacherWords(WordVectors(model.tags, features_VD[:-1]), features_VD[-1])
