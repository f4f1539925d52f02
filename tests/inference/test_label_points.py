from __future__ import annotations

import numpy as np
import pytest
import torch

from emotionnet.inference.label_points import label_points, label_scores
from emotionnet.inference.teacher_words import teacher_words
from emotionnet.models.description import Domain, TextModel
from emotionnet.records import DataError
from emotionnet.text.teacher import TextTeacher
from emotionnet.text.vectors import WordVectors

VECTORS = WordVectors(("rage", "ice_cream", "sea"), np.array([[3, 0], [0, 2], [-4, 4]], dtype=np.float32))
ROOT = 2**-0.5


def test_scores_by_hand() -> None:
    points = label_points({"mood": ("Rage", "ice cream"), "place": ("sea",)}, VECTORS)
    np.testing.assert_allclose(points["mood"], [[1, 0], [0, 1]])
    np.testing.assert_allclose(points["place"], [[-ROOT, ROOT]], rtol=1e-6)
    projection_ND = np.array([[10, 0], [0, 0.1], [0, 0]], dtype=np.float32)
    mean_NK = np.array([[0.5, -ROOT], [0.5, ROOT], [0, 0]])
    max_NK = np.array([[1, -ROOT], [1, ROOT], [0, 0]])
    np.testing.assert_allclose(label_scores(projection_ND, points), mean_NK, atol=1e-6)
    np.testing.assert_allclose(label_scores(projection_ND, points, pool="max"), max_NK, atol=1e-6)


def test_a_teacher_has_a_point_for_words_that_it_does_not_know() -> None:
    teacher = TextTeacher(vocab_size=2, word_dim=2, n_classes=2, width=2)
    assert teacher.conv is not None
    assert teacher.conv.bias is not None
    with torch.no_grad():
        teacher.embedding.weight[:3] = torch.tensor([[3.0, -1.0], [0.0, 2.0], [1.0, 1.0]])
        teacher.conv.weight[:, 0] = torch.eye(2)
        teacher.conv.bias.zero_()
    model = TextModel(
        emotions=("good", "bad"),
        tags=("rage", "sea"),
        word_dim=2,
        width=2,
        max_tags=9,
        dropout=0.0,
        static=True,
        domain=Domain(dataset="none", data_hash="", licences={}, unseen=()),
    )
    points = label_points({"a": ("rage", "sea"), "b": ("no such word",)}, teacher_words(teacher, model))
    np.testing.assert_allclose(points["a"], [[1, 0], [0, 1]])  # ReLU takes the -1
    np.testing.assert_allclose(points["b"], [[ROOT, ROOT]], rtol=1e-6)


def test_every_word_without_a_vector_is_named() -> None:
    with pytest.raises(DataError, match=r"this run's vectors lack calm, awe$"):
        label_points({"a": ("calm", "sea"), "b": ("awe", "calm")}, VECTORS)


def test_a_projection_of_another_size_is_refused() -> None:
    points = label_points({"a": ("sea",)}, VECTORS)
    with pytest.raises(DataError, match="must have one size; got 2 and 3"):
        label_scores(np.ones((1, 3), dtype=np.float32), points)
